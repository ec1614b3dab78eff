"""The command ``rag train``. Imported by ``rag --help``: everything heavy is imported when it runs."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eval.files import check_writable
from rag.cli.output import JsonOption, message, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from eval.training.samples import Examiner


def train(
    gold: Annotated[
        list[Path],
        typer.Argument(
            metavar="GOLD...", help="Two or more gold sets, folders in the BEIR layout.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights go.")] = Path("ranking.json"),
    json: JsonOption = False,
) -> None:
    """Fit the weights of ranking, and score each set with weights that never saw it.

    Example: rag train gold/squad2 gold/covidqa gold/scifact --out ranking.json
    """
    with ExitStack() as services:
        if len(gold) < 2:
            raise BadInput("give two or more gold sets: each is judged by weights fitted on the others")
        for folder in gold:
            if not folder.is_dir():
                raise BadInput(f"no gold set at {folder}: give folders in the BEIR layout")
        check_writable("--out", out)
        from eval.sets import corpora
        from eval.training.train import train as fit
        from rag.answer.ask import calibration_of
        from rag.shared.config import Config

        def opened(folder: Path) -> "tuple[Examiner, Mapping[str, str | int]]":
            service = services.enter_context(corpora.open_folder(folder, Config.from_environment(), message, None))
            made = calibration_of(service.store.settings)
            return service.inspector, {
                "model_fingerprint": made["model_fingerprint"],
                "passage_characters": made["passage_characters"],
                "overlap_sentences": made["overlap_sentences"],
            }

        reports = fit(
            gold, out, opened, command=f"rag train {' '.join(folder.name for folder in gold)}", notify=message
        )
    if json:
        print_json([report._asdict() for report in reports])
    else:
        typer.echo(f"weights written to {out}")
