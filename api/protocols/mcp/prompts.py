"""Prompts that a person picks: they tell a model how to use the tools so that every statement can be checked."""

from collections.abc import Mapping

from mcp_types import GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage, TextContent

from rag.shared.errors import BadInput

_ANSWER = """Answer the question from the documents that the tools `search` and `ask` give you, and from nothing else.

1. Call `ask` with the question. Where its sentences do not answer all of it, call `search` with other words and read on
   with `fetch`.
2. Write the answer. Behind each statement put the quotation that it rests on, verbatim, with the `url` of its passage.
3. Before you show it, call `verify` with every quotation. Leave out what is not `valid`.
4. Where the documents do not hold the answer, say so. Do not fill in from memory.

Question: {question}"""
_CHECK = """Check the quotations and citations in the text below against the documents.

1. Find every quotation, and every statement that names a source. Where you do not know the document's id, find it with `search`.
2. Call `verify` with all of them: the words verbatim as `quote`, and the `document_id`.
3. Report each: stands as quoted, has moved (with the new link), does not stand there (with what the document says), or the
   document is gone.

Text:
{text}"""


_TEXTS = {"answer_with_citations": ("question", _ANSWER), "check_citations": ("text", _CHECK)}


def _prompt(name: str, title: str, description: str, meaning: str) -> Prompt:
    arguments = [PromptArgument(name=_TEXTS[name][0], description=meaning, required=True)]
    return Prompt(name=name, title=title, description=description, arguments=arguments)


PROMPTS = ListPromptsResult(
    prompts=[
        _prompt(
            "answer_with_citations",
            "Answer with citations",
            "Answer a question from the documents, each statement with a checked quotation.",
            "What you want to know.",
        ),
        _prompt(
            "check_citations",
            "Check citations",
            "Check every quotation of a text against the documents.",
            "The text whose quotations are to be checked.",
        ),
    ]
)


def get_prompt(name: str, arguments: Mapping[str, str] | None) -> GetPromptResult:
    """The prompt with its argument filled in.  Raises BadInput."""
    if name not in _TEXTS:
        raise BadInput(f"there is no prompt {name[:40]!r}: use {' or '.join(_TEXTS)}")
    argument, text = _TEXTS[name]
    value = (arguments or {}).get(argument, "").strip()
    if not value:
        raise BadInput(f"{argument}: the prompt needs it")
    message = PromptMessage(role="user", content=TextContent(text=text.replace(f"{{{argument}}}", value)))
    return GetPromptResult(messages=[message])
