import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Problem } from "../dist/index.js";

const url = process.env.FOOTNOTE_URL;
const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

test("it adds, asks, verifies, lists and deletes", { skip: !url }, async () => {
  const footnote = new Client(url);
  const added = await footnote.addText({ title: "Minutes", text: "The board met on Monday.", metadata: { year: 2026 } });
  const answer = await footnote.ask("When did the board meet on Monday?");
  assert.equal(answer.answer.text, "The board met on Monday.");
  const checks = await footnote.verify(answer.answer.parts.map((part) => part.citation));
  assert.deepEqual(checks.map((check) => check.status), ["valid"]);
  assert.equal((await footnote.search("board"))[0].text, "The board met on Monday.");
  const titles = [];
  for await (const document of footnote.documents()) titles.push(document.title);
  assert.deepEqual(titles, ["Minutes"]);
  assert.equal((await footnote.delete(added.documents[0].id)).remaining, 0);
  await assert.rejects(footnote.delete("nothing"), (problem) => problem instanceof Problem && problem.status === 404);
});

test("a busy service is asked again when it says, and what will not pass is told at once", async () => {
  const answers = [json(503, {}, { "Retry-After": "0" }), json(200, { results: [] })];
  const sent = [];
  const fetch = async (request) => (sent.push(await request.text()), answers.shift());
  assert.deepEqual(await new Client("http://footnote/", { fetch }).verify([]), []);
  assert.equal(sent.length, 2);
  assert.equal(sent[0], sent[1]);
  const later = async () => json(503, { title: "busy", detail: "Later." }, { "Retry-After": "3600" });
  await assert.rejects(new Client("http://footnote", { fetch: later }).verify([]), /503 busy: Later/);
  const proxy = async () => new Response("no such host", { status: 502, statusText: "Bad Gateway" });
  await assert.rejects(new Client("http://footnote", { fetch: proxy }).verify([]), /502 Bad Gateway: no such host/);
});

test("the key goes with every request", async () => {
  const fetch = async (request) => json(200, { results: [], key: request.headers.get("Authorization") });
  let seen;
  await new Client("http://footnote", { key: "secret", fetch: async (request) => ((seen = request.headers.get("Authorization")), fetch(request)) }).verify([]);
  assert.equal(seen, "Bearer secret");
});
