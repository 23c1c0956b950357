"""How well passages and answers are found: ours, its dense and its lexical list alone, and the tutorials' pipeline.

    python benchmarks/quality.py --data PATH [--sets chunking financebench squad answerable] [--out FILE.jsonl]

PATH holds `chunking` (Chroma's chunking evaluation), `financebench` (filings and questions with pages) and `squad2`
(SQuAD 2.0 dev). All files of a set lie in one collection. Prints a table for each set, with the paired bootstrap
interval of each difference to ours over the same questions, and writes each question's scores to FILE.

Measured are: recall and IoU over characters of 5 passages; whether a page with the evidence is among the first 1, 5 and
10 passages; whether the first passage holds a gold answer, and whether the sentences of the answer do (the tutorials'
answer without a language model is the sentence of its best passage that is nearest to the question); how well an
answer's confidence (the tutorials': the best cosine) tells questions with an answer from near misses (SQuAD's
unanswerable ones) and from those whose document was left out, as AUROC over articles that nothing was fitted on; and
whether each quote is the text at its offsets.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import question_sets
from measuring import say_how, table
from peers import Ours, System, Tutorial, ours
from question_sets import Question, QuestionSet, fitted_on, interval, overlap

from rag.evaluation.metrics import auroc

BEST = 5
PAGES_AT = (1, 5, 10)
AUROCS_DRAWN = 500


@dataclass
class Scores:
    """Percentages by measure and system, one for each question, in the same order."""

    name: str
    out: TextIO
    columns: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, system: System, question: Question, **measures: float) -> None:
        for measure, value in measures.items():
            self.columns.setdefault(measure, {}).setdefault(system.name, []).append(100 * value)
        row = {"set": self.name, "system": system.name, "question": question.text, "source": question.source}
        self.out.write(json.dumps(row | measures) + "\n")

    def show(self) -> None:
        rows = []
        for measure, systems in self.columns.items():
            mine = np.array(systems["ours"], np.float32)
            for name, scores in systems.items():
                other = np.array(scores, np.float32)
                rows.append([measure, name, float(other.mean()), "" if name == "ours" else interval(mine, other)])
        table(("measure", "system", "%", "ours is better by"), rows)


def main() -> None:
    given = _arguments()
    say_how()
    with tempfile.TemporaryDirectory() as scratch, given.out.open("w", encoding="utf-8") as out:
        folder = given.work or Path(scratch)
        for name in given.sets:
            print(f"\n{name}")
            SETS[name](given, folder, out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--questions", type=int, default=1000, help="of SQuAD, drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("quality.jsonl"))
    parser.add_argument("--work", type=Path, help="where indexes are kept for the next run, else nowhere")
    return parser.parse_args()


def _systems(chosen: QuestionSet, folder: Path) -> tuple[Ours, list[System]]:
    mine, lists = ours(chosen.files, folder / "ours")
    return mine, [mine, *lists, Tutorial(chosen.files, folder / "tutorial")]


def spans(given: argparse.Namespace, folder: Path, out: TextIO) -> None:
    """Chroma's chunking evaluation."""
    chosen, scores = question_sets.chunking(given.data), Scores("chunking", out)
    mine, systems = _systems(chosen, folder / "chunking")
    for question in chosen.questions:
        for system in systems:
            recall, precision, iou = overlap(question, [one.span for one in system.search(question.text, BEST)])
            scores.note(system, question, recall=recall, precision=precision, iou=iou)
    scores.show()
    mine.workspace.close()


def pages(given: argparse.Namespace, folder: Path, out: TextIO) -> None:
    """FinanceBench."""
    chosen, scores = question_sets.financebench(given.data), Scores("financebench", out)
    mine, systems = _systems(chosen, folder / "financebench")
    for question in chosen.questions:
        wanted = {(question.source, page) for page in question.pages}
        for system in systems:
            found = {n: {(one.source, one.page) for one in system.search(question.text, n)} for n in PAGES_AT}
            hits = {f"hit@{n}": float(bool(wanted & found[n])) for n in PAGES_AT}
            scores.note(system, question, **hits, **{"recall@5": len(wanted & found[5]) / len(wanted)})
    scores.show()
    mine.workspace.close()


def answers(given: argparse.Namespace, folder: Path, out: TextIO) -> None:
    """SQuAD's answerable questions, over all articles."""
    chosen, mine, systems = _squad(given, folder)
    scores = Scores("squad", out)
    lengths: dict[str, list[int]] = {}
    verbatim = quotes = 0
    for question in [one for one in chosen.questions if one.answerable][: given.questions]:
        for system in systems:
            found = [one.span for one in system.search(question.text, BEST)]
            first, five = (_holds(found[:n], question) for n in (1, BEST))
            scores.note(system, question, **{"hit@1": first, "hit@5": five})
        answer = mine.ask(question.text)
        quotes += len(answer.citations)
        verbatim += len(answer.citations) if mine.verbatim(answer) else 0
        quoted = [(mine.source(one.document), one.start, one.end) for one in answer.citations]
        for system, said in ((systems[0], quoted), (systems[-1], _sentence(systems[-1], question))):
            scores.note(system, question, **{"answer has it": _holds(said, question)})
            lengths.setdefault(system.name, []).append(sum(end - start for _, start, end in said))
    scores.show()
    print(
        f"mean length of an answer: {', '.join(f'{name} {np.mean(n):.0f}' for name, n in lengths.items())} characters"
    )
    print(f"quotes verbatim at their offsets: {verbatim} of {quotes}")
    mine.workspace.close()


def _squad(given: argparse.Namespace, folder: Path) -> tuple[QuestionSet, Ours, list[System]]:
    chosen = question_sets.squad(given.data, folder / "squad" / "articles", given.seed)
    return chosen, *_systems(chosen, folder / "squad")


def _holds(passages: Sequence[tuple[str, int, int]], question: Question) -> float:
    """Whether a gold answer lies within one of the passages."""
    return float(
        any(
            source == question.source and start <= a and b <= end
            for source, start, end in passages
            for a, b in question.spans
        )
    )


def _sentence(system: System, question: Question) -> list[tuple[str, int, int]]:
    found = system.best_sentence(question.text) if isinstance(system, Tutorial) else None
    return [found] if found else []


def withheld(given: argparse.Namespace, folder: Path, out: TextIO) -> None:
    """SQuAD's questions about the articles that the calibration has not seen, and those with an answer once more as if
    their article were not there."""
    chosen, mine, systems = _squad(given, folder)
    tutorial = next(one for one in systems if isinstance(one, Tutorial))
    unseen = [one for one in chosen.questions if not fitted_on(one.source.removesuffix(".txt"))]
    rows: list[tuple[str, dict[str, float]]] = []
    for question in unseen[: 2 * given.questions]:
        kinds = [("answered" if question.answerable else "near miss", "")]
        kinds += [("removed", question.source)] if question.answerable else []
        for kind, without in kinds:
            best = tutorial.search(question.text, 1, without)
            scores = {"ours": mine.ask(question.text, without).confidence or 0.0, "tutorial": best[0].score}
            rows.append((kind, scores))
            out.write(json.dumps({"set": "answerable", "question": question.text, "kind": kind} | scores) + "\n")
    table(("told from", "system", "AUROC", "ours is better by", "questions"), _aurocs(rows))
    mine.workspace.close()


def _aurocs(rows: Sequence[tuple[str, dict[str, float]]]) -> list[list[object]]:
    lines: list[list[object]] = []
    for kind in ("near miss", "removed"):
        some = [(one, scores) for one, scores in rows if one in ("answered", kind)]
        wanted = np.array([one == "answered" for one, _ in some])
        columns = {name: np.array([scores[name] for _, scores in some]) for name in ("ours", "tutorial")}
        drawn = np.random.default_rng(0).integers(0, len(some), (AUROCS_DRAWN, len(some)))
        gains = [auroc(columns["ours"][at], wanted[at]) - auroc(columns["tutorial"][at], wanted[at]) for at in drawn]
        low, high = np.percentile(gains, [2.5, 97.5])
        for name, scores in columns.items():
            gain = "" if name == "ours" else f"{np.mean(gains):+.3f} ({low:+.3f}..{high:+.3f})"
            lines.append([kind, name, f"{auroc(scores, wanted):.3f}", gain, len(some)])
    return lines


SETS: dict[str, Callable[[argparse.Namespace, Path, TextIO], None]] = {
    "chunking": spans,
    "financebench": pages,
    "squad": answers,
    "answerable": withheld,
}


if __name__ == "__main__":
    main()
