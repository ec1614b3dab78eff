/** The questions that had no answer, for whoever may add what is missing. */

import { Problem, request } from "../base/api.js";
import { count, element, failure, hashOfQuestion } from "../base/text.js";

const place = document.getElementById("unanswered");
const list = place.querySelector("ul");

async function show() {
  try {
    const { questions } = await request("v1/unanswered");
    list.replaceChildren(...(questions.length ? questions.map(item) : [element("li", {}, "None.")]));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    list.replaceChildren(element("li", {}, failure(error.message, error.passes ? show : null)));
  }
}

function item({ question, collection, count: times, last_at: last }) {
  const day = new Date(last).toLocaleDateString("en", { dateStyle: "medium" });
  const about = [`collection ${collection}`, times > 1 ? `asked ${count(times, "time")}` : null, day].filter(Boolean).join(" · ");
  return element(
    "li",
    {},
    element("a", { href: hashOfQuestion({ question, collection, where: "" }), dir: "auto" }, question),
    element("p", { class: "about" }, about),
  );
}

place.addEventListener("toggle", () => place.open && show());
document.getElementById("forget-unanswered").addEventListener("click", async () => {
  await request("v1/unanswered", { method: "DELETE" }).catch(() => {});
  await show();
});
