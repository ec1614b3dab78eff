/** Small modal questions. Each gives what was chosen once it is closed. */

const byId = (id) => document.getElementById(id);

/** After a dialog: Chromium gives the focus back but, after a click, not the caret, and what is typed would be lost. */
export function restoreCaret() {
  const field = document.activeElement;
  field.blur();
  field.focus({ preventScroll: true });
}

function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener(
      "close",
      () => {
        restoreCaret();
        resolve(dialog.returnValue === "yes");
      },
      { once: true },
    ),
  );
}

/** Whether the person agrees. */
export function confirmed(title, text) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  return ask(byId("confirm"));
}

/** The key that the person gives, or null. refusal: why the one before was not taken. */
export async function askForKey(refusal) {
  const field = byId("key");
  field.value = "";
  byId("key-error").textContent = refusal ?? "";
  byId("key-error").hidden = refusal === null;
  const given = (await ask(byId("key-dialog"))) ? field.value.trim() : "";
  field.value = "";
  return given || null;
}

/** The name of a collection, or null. */
export async function askForName() {
  const field = byId("name");
  field.value = "";
  return ((await ask(byId("name-dialog"))) && field.value.trim()) || null;
}

// Not submit buttons: the first of those is what the Enter key presses.
for (const button of document.querySelectorAll("dialog [value=cancel]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
