"""One peer, used as its documentation shows, in a process and an environment of its own. Imports nothing of Footnote.

Takes a job as JSON on stdin: peer, model (folder), documents [{id, title, text}], questions, k, folder, restart. Prints JSON:
seconds of the ingest or of the load, milliseconds of each question, passages found [[document, text], ...], peak memory in MB.
Splits are of 600 characters; LlamaIndex counts tokens instead (160, of which its metadata take some) and Haystack words (100).
"""

import json
import os
import resource
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"


def split(documents):
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=600, chunk_overlap=60)
    return [(d["id"], piece) for d in documents for piece in splitter.split_text(d["text"])]


def langchain(job):
    """FAISS and BM25 joined by EnsembleRetriever (reciprocal ranks)."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings

    model = HuggingFaceEmbeddings(model_name=job["model"], model_kwargs={"device": "cpu"})
    if job["restart"]:
        store = FAISS.load_local(job["folder"], model, allow_dangerous_deserialization=True)
        documents = list(store.docstore._dict.values())
        pieces = [(d.metadata["id"], d.page_content) for d in documents]
    else:
        pieces = split(job["documents"])
        store = FAISS.from_texts([text for _, text in pieces], model, metadatas=[{"id": i} for i, _ in pieces])
        store.save_local(job["folder"])
    words = BM25Retriever.from_texts([text for _, text in pieces], metadatas=[{"id": i} for i, _ in pieces], k=job["k"])
    vectors = store.as_retriever(search_kwargs={"k": job["k"]})
    both = EnsembleRetriever(retrievers=[words, vectors], weights=[0.5, 0.5])
    return lambda question: [(d.metadata["id"], d.page_content) for d in both.invoke(question)]


def llamaindex(job):
    """FAISS (inner product) and BM25 joined by QueryFusionRetriever (reciprocal ranks)."""
    import faiss
    from llama_index.core import Document, Settings, StorageContext, VectorStoreIndex, load_index_from_storage
    from llama_index.core.llms import MockLLM
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.faiss import FaissVectorStore

    Settings.embed_model = HuggingFaceEmbedding(model_name=job["model"], device="cpu")
    Settings.llm = MockLLM()
    if job["restart"]:
        store = FaissVectorStore.from_persist_dir(job["folder"])
        index = load_index_from_storage(StorageContext.from_defaults(vector_store=store, persist_dir=job["folder"]))
        nodes = list(index.docstore.docs.values())
    else:
        documents = [Document(text=d["text"], metadata={"id": d["id"]}) for d in job["documents"]]
        nodes = SentenceSplitter(chunk_size=160, chunk_overlap=16).get_nodes_from_documents(documents)
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(384))
        index = VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=store))
        for node in nodes:  # a vector store of this kind keeps no texts
            index.docstore.add_documents([node])
        index.storage_context.persist(job["folder"])
    words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=job["k"])
    both = QueryFusionRetriever(
        [index.as_retriever(similarity_top_k=job["k"]), words],
        similarity_top_k=job["k"],
        num_queries=1,
        mode="reciprocal_rerank",
        use_async=False,
    )
    return lambda question: [(n.node.metadata["id"], n.node.get_content()) for n in both.retrieve(question)]


def haystack(job):
    """InMemoryDocumentStore, BM25 and embeddings joined by DocumentJoiner (reciprocal ranks)."""
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    options = {"model": job["model"], "device": ComponentDevice.from_str("cpu"), "progress_bar": False}
    path = os.path.join(job["folder"], "store.json")
    if job["restart"]:
        store = InMemoryDocumentStore.load_from_disk(path)
    else:
        splitter = DocumentSplitter(split_by="word", split_length=100, split_overlap=10)
        splitter.warm_up()
        documents = [Document(content=d["text"], meta={"id": d["id"]}) for d in job["documents"]]
        pieces = splitter.run(documents=documents)["documents"]
        embedder = SentenceTransformersDocumentEmbedder(**options)
        embedder.warm_up()
        store = InMemoryDocumentStore()
        store.write_documents(embedder.run(documents=pieces)["documents"])
        store.save_to_disk(path)
    asker = SentenceTransformersTextEmbedder(**options)
    asker.warm_up()
    words = InMemoryBM25Retriever(store, top_k=job["k"])
    vectors = InMemoryEmbeddingRetriever(store, top_k=job["k"])
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=job["k"])

    def ask(question):
        embedding = asker.run(text=question)["embedding"]
        lists = [words.run(query=question)["documents"], vectors.run(query_embedding=embedding)["documents"]]
        return [(d.meta["id"], d.content) for d in joiner.run(documents=lists)["documents"]]

    return ask


def txtai(job):
    """Embeddings with hybrid=True and content=True."""
    from txtai import Embeddings

    embeddings = Embeddings(path=job["model"], hybrid=True, content=True, gpu=False)
    if job["restart"]:
        embeddings.load(job["folder"])
    else:
        pieces = split(job["documents"])
        embeddings.index((n, {"text": text, "document": i}, None) for n, (i, text) in enumerate(pieces))
        embeddings.save(job["folder"])
    query = "select text, document, score from txtai where similar(:q) limit {}".format(int(job["k"]))
    return lambda question: [(r["document"], r["text"]) for r in embeddings.search(query, parameters={"q": question})]


def chroma(job):
    """PersistentClient with sentence-transformers; dense only."""
    import chromadb
    from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

    function = SentenceTransformerEmbeddingFunction(model_name=job["model"], device="cpu")
    client = chromadb.PersistentClient(path=job["folder"])
    if job["restart"]:
        collection = client.get_collection("documents", embedding_function=function)
    else:
        collection = client.create_collection(
            "documents", embedding_function=function, metadata={"hnsw:space": "cosine"}
        )
        pieces = split(job["documents"])
        for start in range(0, len(pieces), 1000):
            batch = pieces[start : start + 1000]
            collection.add(
                ids=[str(start + n) for n in range(len(batch))],
                documents=[text for _, text in batch],
                metadatas=[{"id": i} for i, _ in batch],
            )

    def ask(question):
        hits = collection.query(query_texts=[question], n_results=job["k"])
        return [(m["id"], text) for m, text in zip(hits["metadatas"][0], hits["documents"][0], strict=True)]

    return ask


PEERS = {"langchain": langchain, "llamaindex": llamaindex, "haystack": haystack, "txtai": txtai, "chroma": chroma}


def _peak_mb():
    """As ``eval.bench.commands``, which this environment does not have."""
    try:
        with open("/proc/self/status") as status:
            [line] = [line for line in status if line.startswith("VmHWM:")]
        return round(int(line.split()[1]) * 1024 / 1e6)
    except (OSError, ValueError):
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, else in KiB
        return round(held / 1e6 if sys.platform == "darwin" else held * 1024 / 1e6)


def main():
    job = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no part of the answer
    started = time.perf_counter()
    ask = PEERS[job["peer"]](job)
    seconds = time.perf_counter() - started
    hits, milliseconds = [], []
    for question in job["questions"]:
        asked = time.perf_counter()
        hits.append([[str(i), text] for i, text in ask(question)[: job["k"]]])
        milliseconds.append((time.perf_counter() - asked) * 1000)
    json.dump({"seconds": seconds, "ms": milliseconds, "found": hits, "memory_mb": _peak_mb()}, answers)
    answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
