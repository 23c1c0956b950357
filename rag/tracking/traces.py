"""Traces of answers, written to MLflow afterwards with the times that were noted on the way."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

from rag.records import Span, Step, Trace
from rag.tracking.opening import ANSWERS, Opened

ROOT = "ask"
READER = "reader"
"""What an assessment is called that is what the reader thought of the answer."""
_NAMES = {Step.CHECK: "verify"}
_TYPES = {
    Step.RETRIEVE: "RETRIEVER",
    Step.LEXICAL: "RETRIEVER",
    Step.DENSE: "RETRIEVER",
    Step.LATE: "RERANKER",
    Step.RERANK: "RERANKER",
    Step.GENERATE: "LLM",
    Step.CHECK: "EVALUATOR",
}


def mlflow_id(trace: str) -> str:
    """What a trace is called in MLflow: writing it twice is writing it once."""
    return f"tr-{trace}"


def send_trace(mlflow: Opened, trace: Trace, again: bool) -> str:
    """Tell MLflow of a trace; `again`: it is there already, so tell only what its reader thinks now."""
    from mlflow.entities import Trace as Told

    there = mlflow_id(trace.id)
    if not again:
        experiment = mlflow.experiment(ANSWERS)
        told = Told.from_dict(_whole(trace, experiment))
        mlflow.tracing.log_spans(experiment, told.data.spans)
        mlflow.tracing.start_trace(told.info)
    _tell_thought(mlflow, there, trace)
    return there


def forget_trace(mlflow: Opened, trace: str) -> None:
    """Remove a trace from MLflow, if it is there."""
    mlflow.tracing.delete_traces(mlflow.experiment(ANSWERS), trace_ids=[mlflow_id(trace)])


def _tell_thought(mlflow: Opened, there: str, trace: Trace) -> None:
    """Let the assessment be what the reader thinks, or nothing."""
    from mlflow.entities import AssessmentSource, Feedback

    info = mlflow.tracing.get_trace_info(there)
    before = [one for one in info.assessments if one.name == READER]
    if [(one.feedback.value, one.rationale) for one in before if one.feedback] == [
        (value, trace.note or None) for value in (trace.value > 0,) if trace.value
    ]:
        return
    for one in before:
        mlflow.tracing.delete_assessment(there, str(one.assessment_id))
    if trace.value:
        source = AssessmentSource(source_type="HUMAN", source_id=READER)
        thought = Feedback(name=READER, value=trace.value > 0, source=source, rationale=trace.note or None)
        mlflow.tracing.log_assessment(there, thought)


def _whole(trace: Trace, experiment: str) -> dict[str, Any]:
    """A trace in MLflow's own JSON."""
    question = {"question": trace.question} | ({"searched": trace.searched} if trace.searched else {})
    said = {"answer": trace.answer, "abstained": trace.abstained, "confidence": trace.confidence, "error": trace.error}
    asked = json.dumps(question if trace.question else {})
    answered = json.dumps({name: value for name, value in said.items() if value not in ("", None)})
    state = "ERROR" if trace.error else "OK"
    tags = {"footnote.id": trace.id, "footnote.collection": trace.collection, "footnote.model": trace.model}
    facts = {"footnote.abstained": str(trace.abstained).lower(), "mlflow.traceName": ROOT}
    info = {
        "trace_id": mlflow_id(trace.id),
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": trace.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "execution_duration_ms": max(1, round(trace.seconds * 1000)),
        "state": state,
        "trace_metadata": {
            "mlflow.trace_schema.version": "3",
            "mlflow.traceInputs": asked[:250],
            "mlflow.traceOutputs": answered[:250],
            "mlflow.source.name": "footnote",
        },
        "tags": {name: value[:4000] for name, value in (tags | facts).items() if value},
        "request_preview": (trace.question or asked)[:1000],
        "response_preview": (trace.error or trace.answer or answered)[:1000],
        "assessments": [],
    }
    root = _span(trace, Span(ROOT, 0.0, trace.seconds), "", 0)
    root["attributes"] |= _attributes({"spanInputs": asked, "spanOutputs": answered})
    root["status"] = {"code": f"STATUS_CODE_{state}", "message": trace.error}
    spans = [root]
    around = root["span_id"]
    for number, one in enumerate(trace.spans, start=1):
        made = _span(trace, one, around if one.within else root["span_id"], number)
        around = around if one.within else made["span_id"]
        made["attributes"] |= _attributes(_went_through(trace, one.name))
        spans.append(made)
    return {"info": info, "data": {"spans": spans}}


def _span(trace: Trace, span: Span, within: str, number: int) -> dict[str, Any]:
    begin = round(trace.at.timestamp() * 1e9) + round(timedelta(seconds=span.start).total_seconds() * 1e9)
    name = span.name if span.name == ROOT else _NAMES.get(Step(span.name), span.name)
    kind = "CHAIN" if span.name == ROOT else _TYPES.get(Step(span.name), "CHAIN")
    return {
        "trace_id": base64.b64encode(bytes.fromhex(trace.id)).decode(),
        "span_id": base64.b64encode(hashlib.sha256(f"{trace.id} {number}".encode()).digest()[:8]).decode(),
        "parent_span_id": within or None,
        "name": name,
        "start_time_unix_nano": begin,
        "end_time_unix_nano": begin + round(span.seconds * 1e9),
        "events": [],
        "links": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": _attributes({"traceRequestId": json.dumps(mlflow_id(trace.id)), "spanType": json.dumps(kind)}),
    }


def _went_through(trace: Trace, step: str) -> dict[str, str]:
    """What went into a step and what came out of it, as far as that is kept; empty texts were left out."""
    asked = {"question": trace.searched or trace.question}
    said = {"answer": trace.answer}
    judged = {"abstained": trace.abstained, "confidence": trace.confidence}
    known: dict[str, tuple[Any, Any]] = {
        Step.REWRITE: ({"question": trace.question}, {"searched": trace.searched}),
        Step.RETRIEVE: (asked, _documents(trace)),
        Step.GENERATE: (asked | {"passages": _documents(trace)}, said),
        Step.CHECK: (said, judged),
    }
    if step not in known:
        return {}
    given, made = known[step]
    given = {name: value for name, value in given.items() if value}
    return {"spanInputs": json.dumps(given), "spanOutputs": json.dumps(made)}


def _attributes(given: Mapping[str, str]) -> dict[str, str]:
    return {f"mlflow.{name}": value for name, value in given.items()}


def _documents(trace: Trace) -> list[dict[str, Any]]:
    """What was found, as MLflow shows retrieved documents; their text stays where it is."""
    return [
        {
            "id": f"{one.document}:{one.start}-{one.end}",
            "page_content": f"{one.name or one.document}, page {one.page}",
            "metadata": {"doc_uri": one.name or one.document, "page": one.page, "score": one.score},
        }
        for one in trace.found
    ]
