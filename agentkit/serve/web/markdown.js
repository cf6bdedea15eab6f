// A model's text as HTML that can do no harm: no tags of its own, no images, links to http(s) alone.
import DOMPurify from "./vendor/purify.mjs";
import { Marked } from "./vendor/marked.mjs";

const ALLOWED_TAGS = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split(" ");
const POLICY = { ALLOWED_TAGS, ALLOWED_ATTR: ["href", "start"], ALLOWED_URI_REGEXP: /^https?:\/\//i, RETURN_TRUSTED_TYPE: true };
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt()};`);
const renderer = { html: ({ text }) => escaped(text), image: ({ text, href }) => escaped(`[image: ${text || href}]`) };
const marked = new Marked({ breaks: true, renderer });

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  Object.assign(node, { rel: "noopener noreferrer", target: "_blank", title: node.href });
});
const known = new Map(); // texts that are drawn again and again while another one grows
export const markdown = (text) => {
  if (known.size > 200) known.clear();
  if (!known.has(text)) known.set(text, { __html: DOMPurify.sanitize(marked.parse(text), POLICY) });
  return known.get(text);
};
