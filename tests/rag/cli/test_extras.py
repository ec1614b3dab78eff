"""Commands whose packages are not installed say which extra brings them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WITHOUT = """
import sys
sys.modules["scipy"] = sys.modules["ir_measures"] = sys.modules["sklearn"] = None
from rag.cli.main import main
sys.argv = ["rag", "eval", sys.argv[1], "--corpus", sys.argv[2]]
main()
"""


def test_an_evaluation_without_its_packages_names_the_extra(tmp_path: Path) -> None:
    gold = str(ROOT / "eval" / "data" / "seeds.jsonl")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, gold, str(ROOT / "seeds")], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("rag: ") and "footnote-rag[eval]" in done.stderr and "Traceback" not in done.stderr
