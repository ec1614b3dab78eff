/** What the browser keeps for this page. Storage may be switched off or full: the page then works without memory. */

const PREFIX = "footnote.";

function keeper(storage) {
  return {
    get(name) {
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
      } catch {
        // Not remembered; nothing else depends on it.
      }
    },
  };
}

/** Kept on this machine. */
export const lasting = keeper(() => localStorage);
/** Kept until the tab is closed. */
export const passing = keeper(() => sessionStorage);
