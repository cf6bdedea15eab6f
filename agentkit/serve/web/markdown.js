// A model's text as HTML that can do no harm: no tags of its own, no images, links to http(s) alone.
import { Component, h } from "./vendor/preact.mjs";
import { Marked } from "./vendor/marked.mjs";
import DOMPurify from "./vendor/purify.mjs";

const TAGS = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul";
const ALLOWED = { ALLOWED_TAGS: TAGS.split(" "), ALLOWED_ATTR: ["href", "start"], ALLOWED_URI_REGEXP: /^https?:\/\//i };
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt()};`);
const renderer = { html: ({ text }) => escaped(text), image: ({ text, href }) => escaped(`[image: ${text || href}]`) };
const marked = new Marked({ breaks: true, renderer });
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") Object.assign(node, { rel: "noopener noreferrer", target: "_blank", title: node.href });
});

export class Markdown extends Component { // made anew when its own text grows, not when another does
  shouldComponentUpdate = ({ text }) => text !== this.props.text;
  render({ text }) {
    const __html = DOMPurify.sanitize(marked.parse(text), { ...ALLOWED, RETURN_TRUSTED_TYPE: true });
    return h("div", { class: "text", dangerouslySetInnerHTML: { __html } });
  }
}
