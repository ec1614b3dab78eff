/** Client of Footnote. Types and paths are generated from the service's own description, `/openapi.json`. */

import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

type Ask = paths["/v1/ask"]["post"];
export type Question = Ask["requestBody"]["content"]["application/json"];
export type Answer = Ask["responses"][200]["content"]["application/json"];
export type Citation = paths["/v1/verify"]["post"]["requestBody"]["content"]["application/json"]["citations"][number];
export type TextDocument = paths["/v1/documents"]["post"]["requestBody"]["content"]["application/json"];

/** What the service answered instead (RFC 9457): `detail` says what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: { type?: string; title?: string; detail?: string },
  ) {
    super(`${status} ${body.title ?? ""}: ${body.detail ?? ""}`);
  }
}

const BUSY = [429, 503];
const MAX_WAIT_MS = 30_000;

/** Milliseconds until a busy service is to be asked again; null where it is not to be. */
function waitOf(response: Response, attempt: number): number | null {
  if (!BUSY.includes(response.status)) return null;
  const given = response.headers.get("Retry-After");
  if (given === null) return 500 * 2 ** attempt * (0.5 + Math.random() / 2);
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Math.max(0, Date.parse(given) - Date.now());
  return ms <= MAX_WAIT_MS ? ms * (1 + Math.random() / 4) : null;
}

export interface Options {
  key?: string;
  /** How often the same is sent again while the service is busy. */
  retries?: number;
  fetch?: (request: Request) => Promise<Response>;
}

/** A client of the service at `url`; every method throws Problem where the service refuses. */
export class Client {
  readonly #http: ReturnType<typeof createClient<paths>>;

  constructor(url: string, { key, retries = 3, fetch: send = (request) => fetch(request) }: Options = {}) {
    this.#http = createClient<paths>({
      baseUrl: url.replace(/\/+$/, ""),
      headers: key ? { Authorization: `Bearer ${key}` } : {},
      fetch: async (request: Request) => {
        for (let attempt = 0; ; attempt++) {
          const response = await send(request.clone());
          const wait = waitOf(response, attempt);
          if (wait === null || attempt >= retries) return response;
          await response.body?.cancel();
          await new Promise((done) => setTimeout(done, wait));
        }
      },
    });
  }

  async ask(question: string, limits: Partial<Omit<Question, "question">> = {}): Promise<Answer> {
    return taken(await this.#http.POST("/v1/ask", { body: { question, ...limits } as Question })) as Answer;
  }

  async search(query: string, limits: Partial<Omit<Question, "question">> = {}): Promise<Answer["passages"]> {
    return (await this.ask(query, { top_k: 10, ...limits })).passages;
  }

  async verify(citations: Citation[]) {
    return taken(await this.#http.POST("/v1/verify", { body: { citations } })).results;
  }

  async addText(document: TextDocument) {
    return taken(await this.#http.POST("/v1/documents", { body: document }));
  }

  async *documents(collection?: string) {
    let cursor: string | undefined;
    do {
      const page = taken(await this.#http.GET("/v1/documents", { params: { query: { collection, cursor } } }));
      yield* page.documents;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  async delete(documentId: string) {
    const path = { document_id: documentId };
    return taken(await this.#http.DELETE("/v1/documents/{document_id}", { params: { path } }));
  }
}

function taken<T>(answered: { data?: T; error?: unknown; response: Response }): T {
  const { data, error, response } = answered;
  if (data !== undefined) return data;
  // What stands before the service answers in words of its own.
  throw new Problem(response.status, typeof error === "string" ? { title: response.statusText, detail: error.slice(0, 300) } : (error ?? {}));
}
