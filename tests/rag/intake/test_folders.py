"""Which files of a folder are read."""

import os
import subprocess
from pathlib import Path

import pytest

from rag.intake.folders import IgnoreRules, find_files


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def found(*paths: Path, root: Path) -> list[str]:
    files, failures = find_files(paths)
    assert not failures
    return [file.path.relative_to(root).as_posix() for file in files]


RULES: dict[str, str] = {
    ".gitignore": "*.log\n/build/\n!keep.log\ncache\n# comment\n\n\\\n",
    "a.txt": "",
    "a.log": "",
    "keep.log": "",
    "build/out.txt": "",
    "sub/build/out.txt": "",
    "sub/cache/x.txt": "",
    "sub/deep/.gitignore": "!*.log\n*.tmp\n",
    "sub/deep/b.log": "",
    "sub/deep/b.tmp": "",
    "sub/c.tmp": "",
    "sub/.hidden.txt": "",
    ".config/d.txt": "",
}


def test_files_come_in_name_order_without_hidden_and_ignored_ones(tmp_path: Path) -> None:
    make(tmp_path, RULES)
    assert found(tmp_path, root=tmp_path) == ["a.txt", "keep.log", "sub/c.tmp", "sub/build/out.txt", "sub/deep/b.log"]


def test_rules_agree_with_git(tmp_path: Path) -> None:
    make(tmp_path, RULES)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    visible = [name for name in listed if not any(part.startswith(".") for part in name.split("/"))]
    assert sorted(found(tmp_path, root=tmp_path)) == sorted(visible)


def test_rules_above_a_folder_hold_within_a_git_tree_only(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", "sub/a.log": "", "sub/a.txt": ""})
    assert found(tmp_path / "sub", root=tmp_path) == ["sub/a.log", "sub/a.txt"]
    (tmp_path / ".git").mkdir()
    assert found(tmp_path / "sub", root=tmp_path) == ["sub/a.txt"]


def test_footnoteignore_adds_to_gitignore(tmp_path: Path) -> None:
    make(
        tmp_path,
        {".gitignore": "*.log\n", ".footnoteignore": "drafts/\n", "drafts/a.txt": "", "b.txt": "", "c.log": ""},
    )
    assert found(tmp_path, root=tmp_path) == ["b.txt"]


def test_a_file_that_is_named_is_read_whatever_the_rules(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", "a.log": "", ".hidden": ""})
    assert found(tmp_path / "a.log", tmp_path / ".hidden", root=tmp_path) == ["a.log", ".hidden"]


def test_a_file_met_twice_is_read_once_and_counts_as_named(tmp_path: Path) -> None:
    make(tmp_path, {"a.txt": "", "b.txt": ""})
    files, _ = find_files([tmp_path, tmp_path / "b.txt"])
    assert [(file.path.name, file.named) for file in files] == [("a.txt", False), ("b.txt", True)]


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path, {"a/b.txt": ""})
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    assert found(tmp_path, root=tmp_path) == ["a/b.txt"]


def test_a_linked_file_is_read_and_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    make(tmp_path, {"real/b.txt": "", "folder/x.txt": ""})
    (tmp_path / "folder" / "c.txt").symlink_to(tmp_path / "real" / "b.txt")
    (tmp_path / "folder" / "more").symlink_to(tmp_path / "real", target_is_directory=True)
    assert found(tmp_path / "folder", root=tmp_path) == ["folder/c.txt", "folder/x.txt"]


def test_what_is_no_file_is_passed_over_in_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("gone.txt")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "a.txt").write_text("text")
    files, failures = find_files([tmp_path])
    assert ([found.path.name for found in files], failures) == (["a.txt"], [])


def test_what_programs_put_beside_documents_is_passed_over(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"~$report.docx": "", "a.txt~": "", "#a.txt#": "", "Thumbs.db": "", "desktop.ini": "", "a~b.txt": "", "c#": ""},
    )
    assert found(tmp_path, root=tmp_path) == ["a~b.txt", "c#"]
    assert [file.named for file in find_files([tmp_path / "a.txt~"])[0]] == [True]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    files, [failure] = find_files([tmp_path / "nothing"])
    assert not files and failure.reason == "no such file or folder"


def test_thousands_of_files_are_found(tmp_path: Path) -> None:
    make(tmp_path, {f"{number // 100}/{number}.txt": "" for number in range(3000)} | {"7/.gitignore": "*\n"})
    assert len(found(tmp_path, root=tmp_path)) == 2900


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("a.log", True),
        ("x/build/y.txt", False),
        ("build/y.txt", True),
        (".git/x", True),
        ("a.txt", False),
        ("", False),
    ],
)
def test_one_path_is_judged_as_the_walk_judges_it(tmp_path: Path, path: str, out: bool) -> None:
    make(tmp_path, RULES)
    rules = IgnoreRules([tmp_path])
    assert rules.ignores_anywhere(tmp_path, os.path.join(tmp_path, path)) is out
