// Builds elements. Whatever comes from outside becomes text or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. `attributes` with a function as value are event handlers, those that are null
 * or false are left out, `true` makes an empty one.
 * @param {string} tag
 * @param {Object<string, *>} attributes
 * @param {...(Node|string|number|null)} children
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A button that does something. */
export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", click: onclick, ...attributes }, label);
}

/** A moment, shown in local time, exact for machines. */
export function time(iso, text) {
  return el("time", { datetime: iso, title: iso }, text);
}

/** A host name that may be broken behind its dots. */
export function dotted(name) {
  return name.split(/(?<=[.:])/).flatMap((part) => [part, el("wbr")]);
}

/** Text in which what stands between backticks is code. */
export function marked(text) {
  return text.split("`").map((part, number) => (number % 2 ? el("code", {}, part) : part));
}

/** Put these children in place of all that an element has. */
export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((each) => each !== null && each !== undefined));
  return parent;
}

/** Set text only where it differs, so that nothing is announced or laid out in vain. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}
