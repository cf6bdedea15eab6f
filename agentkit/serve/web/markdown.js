// A model's text as HTML that can do no harm: no tags of its own, no images, links to http(s) alone.
import DOMPurify from "./vendor/purify.mjs";
import { Marked } from "./vendor/marked.mjs";

const TAGS = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split(" ");
const POLICY = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "start"], ALLOWED_URI_REGEXP: /^https?:\/\//i, RETURN_TRUSTED_TYPE: true };
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);
const marked = new Marked({
  gfm: true, breaks: true,
  renderer: { html: ({ text }) => escaped(text), image: ({ text, href }) => escaped(`[image: ${text || href}]`) },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("rel", "noopener noreferrer");
  node.setAttribute("target", "_blank");
  node.setAttribute("title", node.getAttribute("href") ?? "");
});

const known = new Map(); // of texts that are shown again and again while another one streams

export const markdown = (text) => {
  if (!known.has(text)) {
    if (known.size > 200) known.clear();
    known.set(text, { __html: DOMPurify.sanitize(marked.parse(text), POLICY) });
  }
  return known.get(text);
};
