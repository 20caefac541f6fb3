// Elements, made without a word of markup.

/** An element with a class, and with texts and elements in it. */
export function made(name, className = "", ...inside) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...inside);
  return element;
}

/** A button with a text, and what it does. */
export function buttonOf(text, act) {
  const button = made("button", "", text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}
