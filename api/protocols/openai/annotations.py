"""Citations as OpenAI's clients read them. What has no place in theirs stands beside it under `footnote`."""

from collections.abc import Iterable
from typing import Any

from api.protocols.asking import Made
from api.protocols.citing import CitedSentence, link_of, name_of, source_of
from api.protocols.links import Links


def url_citation(made: Made, sentence: CitedSentence, links: Links) -> dict[str, Any]:
    """The sentence with the page that shows it.  ``start_index`` and ``end_index`` are places in the answer."""
    return {
        "start_index": sentence.start,
        "end_index": sentence.end,
        "title": name_of(made["passages"][sentence.passage]),
        "url": link_of(sentence.source, links),
    }


def chat_annotations(made: Made, cited: Iterable[CitedSentence], links: Links) -> list[dict[str, Any]]:
    """Sentences as annotations of a chat's message."""
    return [
        {"type": "url_citation", "url_citation": url_citation(made, sentence, links), "footnote": sentence.source}
        for sentence in cited
    ]


def file_citation(made: Made, sentence: CitedSentence) -> dict[str, Any]:
    """The sentence with the file it is from.  ``index``: where in the answer the citation belongs, its end."""
    document = made["passages"][sentence.passage]["document"]
    return {
        "type": "file_citation",
        "file_id": document["id"],
        "filename": document["source"] or name_of(made["passages"][sentence.passage]),
        "index": sentence.end,
        "footnote": sentence.source,
    }


def sources(made: Made, links: Links) -> list[dict[str, Any]]:
    """Passages as Open WebUI shows sources: one for each document, with its passages."""
    grouped: dict[str, dict[str, Any]] = {}
    for passage in made["passages"]:
        document_id, url, name = passage["document"]["id"], link_of(source_of(passage), links), name_of(passage)
        about = {"id": document_id, "name": name, "url": url}
        source = grouped.setdefault(document_id, {"source": about, "document": [], "metadata": [], "distances": []})
        source["document"].append(passage["text"])
        source["metadata"].append({"source": url, "name": name, "url": url, "page": passage["page"]})
        source["distances"].append(passage["score"])
    return list(grouped.values())
