"""What each tool does. Their docstrings are read by models that choose among them."""

import re
from typing import Annotated

from pydantic import Field

from api.deps import Access
from api.protocols.asking import query_of
from api.protocols.citing import cited_sentences, columns_of, link_of, name_of, source_of, summary, text_of, with_row
from api.protocols.links import Links
from api.protocols.mcp.arguments import (
    MAX_LISTED,
    Collection,
    Filter,
    Id,
    NewMetadata,
    NewText,
    Quotation,
    Quotations,
    Source,
    Structured,
    Title,
    TopK,
    Words,
    tool,
)
from api.protocols.mcp.caller import Caller
from api.schemas.requests import CollectionName, Text
from index.errors import DocumentNotFound
from index.types import Document, Span
from rag.service import Service
from rag.shared.errors import BadInput
from rag.shared.serialization import document_json, receipt_json
from rag.shared.types import Check, Citation, CitationCheck

# Around a passage, so that what it refers to is read with it; and of a document, in one piece.
FETCHED_AROUND = 4000
FETCHED_CHARACTERS = 100_000
_PASSAGE_ID = re.compile(r"(.+):([0-9]{1,15})-([0-9]{1,15})")


@tool("Search the documents")
async def search(
    caller: Caller,
    *,
    query: Words,
    collection: Collection = "default",
    filter: Filter,  # noqa: A002
    top_k: TopK = 10,
) -> Structured:
    """Find the passages of the user's own documents that best fit a query.

    Each result has the exact text, a link to it and a citation; `fetch` gives what stands around it.
    """
    made = await caller.ask(query_of(query, collection=collection, k=top_k, filter_=filter, place="query"))
    links = caller.links.within(collection)
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
        **({"columns": columns} if (columns := columns_of(passage)) else {}),
    }


@tool("Read a passage or a document")
def fetch(
    caller: Caller,
    *,
    id: Annotated[Id, Field(description="The id of a search result, or of a document.")],  # noqa: A002
) -> Structured:
    """Read the text around a search result, or a whole document, by id."""
    document_id, wanted = _place_of(id)
    document = caller.access.document(caller.service, document_id)
    span = _window(document, wanted)
    text = caller.service.text(document.id, span)
    rest = None if span.end == document.n_characters else f"{document.id}:{span.end}-{span.end + FETCHED_CHARACTERS}"
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
        "id": id,
        "title": document.title or document.source or document.id,
        "text": text,
        "url": caller.links.within(document.collection).to(document.id, *place),
        "metadata": metadata,
    }


def _place_of(identifier: str) -> tuple[str, Span | None]:
    """A document's id, and the span of a passage's id."""
    passage = _PASSAGE_ID.fullmatch(identifier)
    return (passage[1], Span(int(passage[2]), int(passage[3]))) if passage else (identifier, None)


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


@tool("Ask the documents")
async def ask(
    caller: Caller,
    *,
    question: Words,
    collection: Collection = "default",
    filter: Filter,  # noqa: A002
    top_k: TopK = 5,
) -> Structured:
    """Answer a question with sentences quoted verbatim from the user's own documents, each cited to the character.

    Or say that the documents do not hold the answer, with how sure that is.
    """
    made = await caller.ask(query_of(question, collection=collection, k=top_k, filter_=filter))
    links = caller.links.within(collection)
    sentences = [
        {
            "text": sentence.source["cited_text"],
            "title": name_of(made["passages"][sentence.passage]),
            "url": link_of(sentence.source, links),
            "collection": collection,
            "citation": {**made["passages"][sentence.passage]["citation"], **sentence.source},
            **({"row": sentence.row} if sentence.row else {}),
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
    cited = [
        f"{with_row(sentence['text'], sentence.get('row', ''))} [{number}]"
        for number, sentence in enumerate(answer["sentences"], start=1)
    ]
    sources = [
        f"[{number}] {sentence['title']}, characters {sentence['citation']['start_char_index']}-"
        f"{sentence['citation']['end_char_index']} of document {sentence['citation']['document_id']}: {sentence['url']}"
        for number, sentence in enumerate(answer["sentences"], start=1)
    ]
    return "\n".join([" ".join(cited), f"(confidence {answer['confidence']:.2f})", "", *sources])


@tool("Check quotations")
def verify(
    caller: Caller,
    *,
    citations: Quotations,
    quote: Annotated[Text | None, Field(description="One quotation, verbatim, instead of a list.")] = None,
    document_id: Annotated[Id | None, Field(description="The document that the one quotation is from.")] = None,
) -> Structured:
    """Check quotations before you show them.

    For each whether it stands in its document as quoted (`valid`), has moved (`moved`), does not stand there (`changed`), or the
    document is gone (`gone`).
    """
    quotations = list(citations)
    if quote is not None:
        if document_id is None:
            raise BadInput("document_id: name the document that the quotation is from, as `search` gives it")
        quotations.append(Quotation(document_id=document_id, quote=quote))
    if not quotations:
        raise BadInput("citations: give one or more, or `quote` with `document_id`")
    results = []
    for quotation in quotations:
        check, collection = _check(caller.service, caller.access, quotation)
        links = caller.links.within(collection)
        url = links.to(check.document_id, *(check.span or ())) if check.status != "gone" else None
        place = {"start_char_index": check.span.start, "end_char_index": check.span.end} if check.span else {}
        results.append({"status": check.status, "document_id": check.document_id, **place, "url": url})
    return {"results": results}


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


@tool("List documents")
def list_documents(
    caller: Caller,
    *,
    collection: Annotated[CollectionName | None, Field(description="Only this one; all when left out.")] = None,
    cursor: Annotated[Id | None, Field(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = MAX_LISTED,
) -> Structured:
    """The documents with their titles, sources and metadata."""
    if collection is not None:
        caller.access.require(collection)
    documents, following = documents_page(caller, collection, cursor, limit)
    listed = [
        {**document_json(document), "url": caller.links.within(document.collection).to(document.id)}
        for document in documents
    ]
    return {"documents": listed, "next_cursor": following}


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


@tool("List collections")
def list_collections(caller: Caller) -> Structured:
    """The collections that can be searched, with how many documents each holds."""
    counts = caller.access.counts(caller.service)
    listed = [{"name": name, "documents": n, "passages": m} for name, (n, m) in counts.items()]
    return {"collections": listed}


@tool("Add a text", writes=True)
async def add_text(
    caller: Caller,
    *,
    title: Title,
    text: NewText,
    source: Source = None,
    collection: Collection = "default",
    metadata: NewMetadata,
) -> Structured:
    """Store a text as a document. It can be found as soon as this returns."""
    caller.access.require(collection)
    intake = caller.service.intake
    change = await caller.write(
        lambda check: intake.add_text(
            title=title, text=text, source=source, metadata=metadata, collection=collection, check=check
        )
    )
    document = change.document
    url = caller.links.within(document.collection).to(document.id)
    return {**document_json(document), "outcome": change.outcome, "url": url}


@tool("Delete a document", writes=True)
async def delete_document(
    caller: Caller, *, document_id: Annotated[Id, Field(description="The document's id.")]
) -> Structured:
    """Delete a document for good, with a receipt of what was removed."""

    def delete(check: Check) -> Structured:
        document = caller.access.document(caller.service, document_id)
        return {**receipt_json(caller.service.store.delete(document.id))}

    return await caller.write(delete, deletes=True)
