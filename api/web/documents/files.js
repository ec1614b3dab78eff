/** Files that a person drops or chooses, each with the folder that it is from. */

// What systems leave in folders and nobody means to add.
const LITTER = new Set(["Thumbs.db", "desktop.ini"]);

const isHidden = (name) => name.startsWith(".") || LITTER.has(name);

/** `{ files: [{ file, folder }], nHidden }` of a drop, folders with all that is in them but what is hidden. */
export async function dropped(transfer) {
  // The list is emptied when the event is over: everything is taken from it before the first wait.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const taken = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = { files: [], nHidden: 0 };
  for (const one of taken) {
    if (one instanceof File) found.files.push({ file: one, folder: "" });
    else if (one !== null) await collect(one, "", found);
  }
  return found;
}

async function collect(entry, folder, found) {
  if (folder && isHidden(entry.name)) found.nHidden += 1;
  else if (entry.isFile) found.files.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder });
  else {
    const within = folder ? `${folder}/${entry.name}` : entry.name;
    for (const one of await entriesOf(entry)) await collect(one, within, found);
  }
}

async function entriesOf(entry) {
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    // It gives some at a time, and none when all were given.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries.sort((a, b) => a.name.localeCompare(b.name));
    entries.push(...some);
  }
}

/** The same of a field for files or for a folder. */
export function chosen(field) {
  const found = { files: [], nHidden: 0 };
  for (const file of field.files) {
    const steps = file.webkitRelativePath.split("/");
    if (steps.slice(1).some(isHidden)) found.nHidden += 1;
    else found.files.push({ file, folder: steps.slice(0, -1).join("/") });
  }
  return found;
}
