"""Passages as the `search_result` blocks of Anthropic's Messages API, with one text block for each sentence.

The model then cites whole sentences, and the index of a block leads back to exact characters.
"""

from collections.abc import Mapping
from typing import Any

from api.protocols.citing import link_of, name_of, source_of, summary
from api.protocols.links import Links
from rag.language.sentences import split_sentences


def search_results(made: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """``content`` goes into a message or a tool's result as it is.

    ``footnote.blocks[i][j]`` is the place in its document of text block j of search result i.
    """
    content, blocks = [], []
    for passage in made["passages"]:
        texts, places = _sentences(passage)
        content.append(
            {
                "type": "search_result",
                "source": link_of(source_of(passage), links),
                "title": name_of(passage),
                "content": [{"type": "text", "text": text} for text in texts],
                "citations": {"enabled": True},
            }
        )
        blocks.append(places)
    return {"content": content, "footnote": {**summary(made, links), "blocks": blocks}}


def _sentences(passage: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    text, begin = passage["text"], passage["citation"]["start_char_index"]
    texts, places = [], []
    for span in split_sentences(text):
        sentence = text[span.start : span.end]
        texts.append(sentence)
        places.append(
            {
                **source_of(passage),
                "start_char_index": begin + span.start,
                "end_char_index": begin + span.end,
                "cited_text": sentence,
            }
        )
    return texts, places
