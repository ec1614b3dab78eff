"""Tools of Pydantic AI."""

from __future__ import annotations

from typing import Any

from pydantic_ai.toolsets import FunctionToolset

from footnote_client.asynchronous import AsyncClient
from footnote_client.errors import Problem


def footnote_tools(client: AsyncClient, *, collection: str = "default", top_k: int = 5) -> FunctionToolset[Any]:
    """Tools that search one collection, ask it and check quotations.  client: which stays its owner's to close."""

    async def search_documents(query: str) -> list[dict[str, Any]]:
        """Find the passages of the user's documents that best fit a query.

        Args:
            query: What to look for, in words.
        """
        found = await client.search(query, collection=collection, top_k=top_k)
        return [{"text": one["text"], "title": one["document"]["title"], "citation": one["citation"]} for one in found]

    async def ask_documents(question: str) -> dict[str, Any]:
        """Answer a question with sentences quoted verbatim from the user's documents, or say that they do not hold the answer.

        Args:
            question: The question, in words.
        """
        answer = await client.ask(question, collection=collection, top_k=top_k)
        parts = answer["answer"]["parts"] if answer["answer"] else []
        return {"answered": answer["answered"], "confidence": answer["confidence"], "parts": parts}

    async def verify_quotation(
        document_id: str, quote: str, start_char_index: int, end_char_index: int, document_sha256: str
    ) -> str:
        """Check a quotation before it is shown: valid, moved, changed or gone.

        Args:
            document_id: Of the citation.
            quote: The quoted words, verbatim.
            start_char_index: Of the citation.
            end_char_index: Of the citation.
            document_sha256: Of the citation.
        """
        try:
            [check] = await client.verify(
                [
                    {
                        "type": "char_location",
                        "document_id": document_id,
                        "document_title": "",
                        "cited_text": quote,
                        "start_char_index": start_char_index,
                        "end_char_index": end_char_index,
                        "document_sha256": document_sha256,
                    }
                ]
            )
        except Problem as problem:
            return f"this is no citation: {problem.detail}"
        return check["status"]

    return FunctionToolset(tools=[search_documents, ask_documents, verify_quotation])
