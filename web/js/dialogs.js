/* Questions to the user, in the page's one <dialog>: focus is held in it, Escape closes it. */
import { byId, h } from "./dom.js";

/** Show something for a while: mostly what the server refused. */
export function toast(text, { error = false } = {}) {
  const element = byId("toast");
  element.textContent = text;
  element.classList.toggle("bad", error);
  element.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { element.hidden = true; }, 6000);
}

/** Run what a button starts; what goes wrong is shown in the server's own words. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, { error: true });
    return undefined;
  }
}

/**
 * A dialog with fields and buttons.
 *   fields: [{name, label, type?, value?, options?, required?, max?, hint?}]; `when` hides one: (values) => bool
 *   actions: [{label, run(values), primary?, danger?}]; run may throw: the dialog stays, and says why
 * Resolves when it is closed.
 */
export function ask({ title, text, fields = [], actions = [], content = [], close = "Close" }) {
  const dialog = byId("dialog");
  const form = h("form", { method: "dialog" });
  const problem = h("p", { class: "error", role: "alert" });
  const inputs = fields.map((field) => fieldOf(field));
  const values = () => Object.fromEntries(inputs.map(({ field, input }) => [field.name, input.value]));
  const look = () => {
    for (const { field, label, input } of inputs) {
      label.hidden = field.when ? !field.when(values()) : false;
      input.disabled = label.hidden;
    }
  };
  const buttons = actions.map((action) => h("button", {
    class: action.primary ? "primary" : action.danger ? "danger" : "", value: action.label,
  }, action.label));

  form.append(
    h("h2", { id: "dialog-title" }, title), text ? h("p", {}, text) : "",
    ...content, ...inputs.map(({ label }) => label), problem,
    h("div", { class: "row" }, buttons, h("button", { type: "button", onclick: () => dialog.close() }, close)),
  );
  form.addEventListener("input", look);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const action = actions[buttons.indexOf(event.submitter)] ?? actions[0];
    if (!action) return;
    for (const button of buttons) button.disabled = true;
    try {
      await action.run(values());
      if (dialog.contains(form)) dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    }
    for (const button of buttons) button.disabled = false;
    if (dialog.contains(form)) event.submitter?.focus();
  });
  /* Enter in a field does what the dialog is for, never just the first of several things. */
  const main = actions.length === 1 ? 0 : actions.findIndex((action) => action.primary);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (main >= 0 && inputs.some(({ input }) => input === event.target)) form.requestSubmit(buttons[main]);
  });
  look();
  dialog.replaceChildren(form);
  if (dialog.open) form.querySelector("input, select, button").focus();
  else dialog.showModal();
  return new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
}

function fieldOf(field) {
  const props = { name: field.name, required: field.required, value: field.value ?? "", maxLength: field.max ?? 128 };
  const input = field.options
    ? h("select", { name: field.name }, field.options.map(([value, label]) => h("option", { value, selected: value === field.value }, label)))
    : h("input", { ...props, type: field.type ?? "text", autocomplete: field.type === "password" ? field.autocomplete ?? "off" : "off" });
  const hint = field.hint ? h("small", { class: "hint" }, field.hint) : "";
  return { field, input, label: h("label", {}, field.label, input, hint) };
}

export function confirmed(title, text, label, run) {
  return ask({ title, text, actions: [{ label, danger: true, run }], close: "Cancel" });
}
