// The letters that commands are at. A reader may set others or switch them all off (WCAG 2.1.4); the browser keeps that.
import { $, ask, field, make, pairs } from "/elements.js";

const KEPT = "letters";
const TAKEN = ",.?[]";
const FIXED = [["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"], ["Enter", "accept a stage"], ["Ctrl+Enter", "sign"], ["↑ ↓ (Shift: choose more)", "regions; in a picture: cross-hair"],
  ["PgUp PgDn (Shift: ten)", "slice"], [", .", "turn the projection"], ["Shift+1…4", "PET window 0–5, 7, 10, 15"],
  ["Space (hold)", "hide what is drawn"], ["1…9 on what is removed", "say of which organ it is"], ["[ ]", "smaller, larger brush"], ["right click", "remove or restore a region"], ["double click", "add here"], ["Shift+drag in a plane", "measure"]];

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) || {};
  } catch {
    return {};
  }
}

export class Keys {
  constructor(commands, changed) {
    Object.assign(this, { commands, changed });
    this.read();
  }
  read() {
    const { off = false, letters = {} } = kept();
    this.off = off;
    this.letters = Object.entries(this.commands).map(([letter, command]) => [letters[command.name] || letter, command]);
  }
  at(letter) {
    return this.off ? null : this.letters.find(([own]) => own === letter)?.[1];
  }
  async show() {
    const inputs = this.letters.map(([letter, command]) => [command, make("input", "", { value: letter, maxLength: 1, size: 2, autocomplete: "off" })]);
    const on = make("input", "", { type: "checkbox", checked: !this.off, id: "letterson" });
    const own = make("div", "", { id: "letters" });
    own.append(...inputs.map(([command, input]) => field(command.name + (command.held ? " (held: along the mouse)" : ""), input)));
    const facts = make("dl");
    facts.append(...pairs(FIXED));
    const ready = () => {
      const set = inputs.map(([, input]) => input.value.toLowerCase());
      if (set.some((letter) => !/^\p{L}$/u.test(letter) || TAKEN.includes(letter))) return "Every command has a letter.";
      const twice = set.find((letter, k) => set.indexOf(letter) !== k);
      return twice ? `${twice.toUpperCase()} stands twice.` : "";
    };
    if (!(await ask("Keys", [field("Single letters act", on), own, facts], ready))) return;
    const letters = Object.fromEntries(inputs.map(([command, input]) => [command.name, input.value.toLowerCase()]));
    localStorage.setItem(KEPT, JSON.stringify({ off: !on.checked, letters }));
    this.read();
    this.changed();
  }
  // a button a command, with its letter
  buttons(place, does) {
    $(place).replaceChildren(...this.letters.filter(([, command]) => !command.bare).map(([letter, command]) => {
      const button = make("button", "", { onclick: () => does(command) });
      button.append(...(this.off ? [] : [make("kbd", letter.toUpperCase()), " "]), command.name);
      return button;
    }));
  }
}
