"""What each tool does."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from api.deps import Access
from api.protocols.asking import query_of
from api.protocols.citing import cited_sentences, link_of, name_of, source_of, summary, text_of
from api.protocols.links import Links
from api.protocols.mcp.arguments import (
    AddArguments,
    Arguments,
    AskArguments,
    DeleteArguments,
    FetchArguments,
    ListArguments,
    NoArguments,
    Quotation,
    SearchArguments,
    VerifyArguments,
)
from api.protocols.mcp.caller import Caller
from api.protocols.openai.collections import collections_of
from index.errors import DocumentNotFound
from index.types import Document, Span
from rag.service import Service
from rag.shared.errors import BadInput
from rag.shared.serialization import document_json, receipt_json
from rag.shared.types import Citation, CitationCheck, Query

Structured = dict[str, Any]

# Around a passage, so that what it refers to is read with it; and of a document, in one piece.
FETCHED_AROUND = 4000
FETCHED_CHARACTERS = 100_000
_PASSAGE_ID = re.compile(r"(.+):([0-9]{1,15})-([0-9]{1,15})")


def _query(question: str, arguments: SearchArguments | AskArguments, place: str) -> Query:
    return query_of(question, collection=arguments.collection, k=arguments.top_k, filter_=arguments.filter, place=place)


async def search(caller: Caller, arguments: SearchArguments) -> Structured:
    """The best passages, as ChatGPT and Claude read them."""
    made = await caller.ask(_query(arguments.query, arguments, "query"))
    links = caller.links.within(arguments.collection)
    return {"results": [_result(passage, links) for passage in made["passages"]]}


def _result(passage: Structured, links: Links) -> Structured:
    source = source_of(passage)
    start, end = source["start_char_index"], source["end_char_index"]
    return {
        "id": f"{source['document_id']}:{start}-{end}",
        "title": name_of(passage),
        "url": link_of(source, links),
        "text": passage["text"],
        "section": passage["section"],
        "page": passage["page"],
        "score": passage["score"],
        "citation": passage["citation"],
    }


async def fetch(caller: Caller, arguments: FetchArguments) -> Structured:
    """A document's text, or what stands around a passage. ``metadata`` says which characters of it; all of ``text`` is verbatim."""
    document_id, wanted = _place_of(arguments.id)

    def read() -> Structured:
        document = caller.access.document(caller.service, document_id)
        span = _window(document, wanted)
        text = caller.service.text(document.id, span)
        rest = (
            None if span.end == document.n_characters else f"{document.id}:{span.end}-{span.end + FETCHED_CHARACTERS}"
        )
        metadata = {
            **document.metadata,
            "source": document.source,
            "collection": document.collection,
            "document_id": document.id,
            "document_sha256": document.text_sha256,
            "start_char_index": span.start,
            "end_char_index": span.end,
            "characters": document.n_characters,
            "next_id": rest,
        }
        place = (wanted.start, min(wanted.end, document.n_characters)) if wanted else ()
        return {
            "id": arguments.id,
            "title": document.title or document.source or document.id,
            "text": text,
            "url": caller.links.within(document.collection).to(document.id, *place),
            "metadata": metadata,
        }

    return await caller.read(read)


def _place_of(given: str) -> tuple[str, Span | None]:
    """A document's id, and the span of a passage's id."""
    found = _PASSAGE_ID.fullmatch(given)
    return (found[1], Span(int(found[2]), int(found[3]))) if found else (given, None)


def _window(document: Document, wanted: Span | None) -> Span:
    """What is read.  Raises BadInput for a passage outside the document."""
    n = document.n_characters
    if wanted is None:
        return Span(0, min(n, FETCHED_CHARACTERS))
    if not wanted.start < wanted.end or wanted.start >= n:
        raise BadInput(f"the document has {n} characters, and none at {wanted.start}-{wanted.end}: search again")
    if wanted.end - wanted.start >= FETCHED_CHARACTERS:  # the id of what follows
        return Span(wanted.start, min(n, wanted.start + FETCHED_CHARACTERS))
    return Span(max(0, wanted.start - FETCHED_AROUND), min(n, wanted.end + FETCHED_AROUND))


async def ask(caller: Caller, arguments: AskArguments) -> Structured:
    """The answer's sentences with their places; ``text_for_model`` is what a model reads instead of the rest."""
    made = await caller.ask(_query(arguments.question, arguments, "question"))
    links = caller.links.within(arguments.collection)
    sentences = [
        {
            "text": sentence.source["cited_text"],
            "title": name_of(made["passages"][sentence.passage]),
            "url": link_of(sentence.source, links),
            "collection": arguments.collection,
            "citation": {**made["passages"][sentence.passage]["citation"], **sentence.source},
        }
        for sentence in cited_sentences(made)
    ]
    return {**summary(made, links), "answer": made["answer"] and text_of(made), "sentences": sentences}


def as_text(answer: Structured) -> str:
    """An answer as a model reads it: its sentences, each with a number, and the numbered sources."""
    if not answer["answered"]:
        near = [f"- {passage['title']}: {passage['url']}" for passage in answer["passages"][:3]]
        nearest = "\n".join(["The nearest passages, which do not answer it:", *near]) if near else ""
        return f"The documents do not hold the answer (confidence {answer['confidence']:.2f}).\n{nearest}".strip()
    cited = [f"{sentence['text']} [{number}]" for number, sentence in enumerate(answer["sentences"], start=1)]
    sources = [
        f"[{number}] {sentence['title']}, characters {sentence['citation']['start_char_index']}-"
        f"{sentence['citation']['end_char_index']} of document {sentence['citation']['document_id']}: {sentence['url']}"
        for number, sentence in enumerate(answer["sentences"], start=1)
    ]
    return "\n".join([" ".join(cited), f"(confidence {answer['confidence']:.2f})", "", *sources])


async def verify(caller: Caller, arguments: VerifyArguments) -> Structured:
    """For each quotation whether it stands."""
    quotations = list(arguments.citations)
    if arguments.quote is not None:
        if arguments.document_id is None:
            raise BadInput("document_id: name the document that the quotation is from, as `search` gives it")
        quotations.append(Quotation(document_id=arguments.document_id, quote=arguments.quote))
    if not quotations:
        raise BadInput("citations: give one or more, or `quote` with `document_id`")

    def check() -> Structured:
        results = []
        for quotation in quotations:
            check, collection = _check(caller.service, caller.access, quotation)
            links = caller.links.within(collection)
            url = links.to(check.document_id, *(check.span or ())) if check.status != "gone" else None
            place = {"start_char_index": check.span.start, "end_char_index": check.span.end} if check.span else {}
            results.append({"status": check.status, "document_id": check.document_id, **place, "url": url})
        return {"results": results}

    return await caller.read(check)


def _check(service: Service, access: Access, quotation: Quotation) -> tuple[CitationCheck, str]:
    """The check of a citation, or of words alone, which are valid wherever they stand in the document; and its collection."""
    try:
        document = access.document(service, quotation.document_id)
    except DocumentNotFound:
        return CitationCheck("gone", quotation.document_id), ""
    start, end, sha256 = quotation.start_char_index, quotation.end_char_index, quotation.document_sha256
    if start is not None and end is not None and sha256 is not None:
        cited = Citation(document.id, document.title, quotation.quote, Span(start, end), sha256)
        [check] = service.check_citations([cited])
        valid = check.status == "valid"
        return CitationCheck("valid", document.id, cited.span) if valid else check, document.collection
    place = service.text(document.id).find(quotation.quote) if quotation.quote else -1
    if place < 0:
        return CitationCheck("changed", document.id), document.collection
    return CitationCheck("valid", document.id, Span(place, place + len(quotation.quote))), document.collection


async def list_documents(caller: Caller, arguments: ListArguments) -> Structured:
    """A page of the documents."""
    if arguments.collection is not None:
        caller.access.require(arguments.collection)

    def read() -> Structured:
        documents, cursor = documents_page(caller, arguments.collection, arguments.cursor, arguments.limit)
        listed = [
            {**document_json(document), "url": caller.links.within(document.collection).to(document.id)}
            for document in documents
        ]
        return {"documents": listed, "next_cursor": cursor}

    return await caller.read(read)


def documents_page(
    caller: Caller, collection: str | None, cursor: str | None, limit: int
) -> tuple[list[Document], str | None]:
    """Documents that the caller may see, and the cursor of the next page.  Raises BadInput for a cursor that leads nowhere."""
    wanted = caller.access.collections if collection is None else frozenset({collection})
    try:
        after = None if cursor is None else caller.access.document(caller.service, cursor).id
    except DocumentNotFound as error:
        raise BadInput("cursor: no document is left that it names; begin the list again") from error
    documents = caller.service.documents(collection=wanted, after=after, limit=limit + 1)
    return documents[:limit], documents[limit - 1].id if len(documents) > limit else None


async def list_collections(caller: Caller, arguments: NoArguments) -> Structured:
    """The collections."""

    def read() -> Structured:
        counts = collections_of(caller.service, caller.access)
        listed = [{"name": name, "documents": n, "passages": m} for name, (n, m) in counts.items()]
        return {"collections": listed}

    return await caller.read(read)


async def add_text(caller: Caller, arguments: AddArguments) -> Structured:
    """The document that the text became."""
    caller.access.require(arguments.collection)
    change = await caller.write(
        lambda check: caller.service.intake.add_text(
            title=arguments.title,
            text=arguments.text,
            source=arguments.source,
            metadata=arguments.metadata,
            collection=arguments.collection,
            check=check,
        )
    )
    document = change.document
    url = caller.links.within(document.collection).to(document.id)
    return {**document_json(document), "outcome": change.outcome, "url": url}


async def delete_document(caller: Caller, arguments: DeleteArguments) -> Structured:
    """The receipt."""

    def delete(check: Callable[[], None]) -> Structured:
        document = caller.access.document(caller.service, arguments.document_id)
        return receipt_json(caller.service.delete(document.id))

    return await caller.write(delete, deletes=True)


CALLS: dict[str, tuple[type[Arguments], Callable[[Caller, Any], Awaitable[Structured]]]] = {
    "search": (SearchArguments, search),
    "fetch": (FetchArguments, fetch),
    "ask": (AskArguments, ask),
    "verify": (VerifyArguments, verify),
    "list_documents": (ListArguments, list_documents),
    "list_collections": (NoArguments, list_collections),
    "add_text": (AddArguments, add_text),
    "delete_document": (DeleteArguments, delete_document),
}
