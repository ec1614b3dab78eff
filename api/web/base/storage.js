/** What the browser keeps for this page. Storage may be switched off or full: then it is kept until the page is left. */

const PREFIX = "footnote.";

function keeper(storage) {
  const memory = new Map();
  return {
    get(name) {
      if (memory.has(name)) return memory.get(name);
      try {
        return JSON.parse(storage().getItem(PREFIX + name));
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        if (value === null) storage().removeItem(PREFIX + name);
        else storage().setItem(PREFIX + name, JSON.stringify(value));
        memory.delete(name);
      } catch {
        memory.set(name, value);
      }
    },
  };
}

/** Kept on this machine. */
export const lasting = keeper(() => localStorage);
/** Kept until the tab is closed. */
export const passing = keeper(() => sessionStorage);
