"""`alexnet plan`: a training run over many devices on paper, in tables or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from alexnet import terminal
from alexnet.cli.arguments import Json
from alexnet.cli.open import open_network
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    from alexnet.network.plan import Cluster, Fact, Plan, Precision, Published, Scheme

PICKED = ("all", "data", "towers", "one-weird-trick")
"""What --scheme takes; one-weird-trick is its three schemes."""


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command(
        "plan",
        short_help="Plan a run over many devices: time, traffic, memory, limits.",
        epilog="Example:  alexnet plan paper --devices 512 --link 100Gbit --device v100",
    )(plan)


def _option(name: str, metavar: str, text: str) -> typer.models.OptionInfo:
    """An option whose default stands in its help, so that it takes one line."""
    return typer.Option(name, metavar=metavar, help=text, show_default=False)


def plan(
    network: Annotated[str | None, typer.Argument(help="A network's name or file.")] = None,
    devices: Annotated[int | None, _option("--devices", "N", "How many (8).")] = None,
    link: Annotated[str | None, _option("--link", "RATE", "To the next: 100Gbit, 25GB/s.")] = None,
    latency: Annotated[str | None, _option("--latency", "TIME", "Of the link (5us).")] = None,
    device: Annotated[str | None, _option("--device", "NAME", "k20, v100, a100, h100…")] = None,
    flops: Annotated[str | None, _option("--flops", "RATE", "Peak of a device: 15.7T.")] = None,
    efficiency: Annotated[float | None, _option("--efficiency", "E", "Of the peak (0.5).")] = None,
    memory: Annotated[str | None, _option("--memory", "SIZE", "Of a device: 16GB.")] = None,
    precision: Annotated[
        str | None, _option("--precision", "P", "fp32 (default), fp16, bf16.")
    ] = None,
    share: Annotated[
        int | None, _option("--batch-per-device", "N", "Pictures a step (128).")
    ] = None,
    batch: Annotated[int | None, _option("--batch", "N", "Of all devices together.")] = None,
    bucket: Annotated[str | None, _option("--bucket", "SIZE", "Sums of gradients (25MiB).")] = None,
    scheme: Annotated[
        str | None, _option("--scheme", "NAME", "data, towers, one-weird-trick, all.")
    ] = None,
    pictures: Annotated[str | None, _option("--pictures", "N", "To learn from (1281167).")] = None,
    epochs: Annotated[str | None, _option("--epochs", "N", "How often (90).")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the model against published runs.")
    ] = False,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Plan a run over many devices: time, traffic, memory, and where the link is the limit."""
    from alexnet.network import plan as model

    given = {
        "a network": network,
        "--devices": devices,
        "--link": link,
        "--latency": latency,
        "--device": device,
        "--flops": flops,
        "--efficiency": efficiency,
        "--memory": memory,
        "--precision": precision,
        "--batch-per-device": share,
        "--batch": batch,
        "--bucket": bucket,
        "--scheme": scheme,
        "--pictures": pictures,
        "--epochs": epochs,
    }
    if check:
        _refuse_beside_check(given)
        _print_check(model.published(), as_json, as_markdown)
        return
    if network is None:
        raise model.PlanError("a network is missing; name one, or ask for --check")
    found = model.plan(
        open_network(network),
        _cluster(given),
        batch_per_device=share,
        batch=batch,
        schemes=_schemes(scheme or "all"),
        pictures=_count(pictures or "1281167", "--pictures"),
        epochs=_count(epochs or "90", "--epochs"),
    )
    if as_json:
        terminal.print_json(model.as_tree(found))
    else:
        _print_plan(found, as_markdown)


def _refuse_beside_check(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} does not go with --check; leave one of them out")


def _cluster(given: Mapping[str, str | float | None]) -> Cluster:
    """What the options say of the devices.

    Raises:
        PlanError: one of them is missing or no such quantity, or they contradict one another.
    """
    from alexnet.network.plan import Cluster, Link, PlanError, quantities

    def said(option: str, otherwise: str) -> str:
        return otherwise if given[option] is None else str(given[option])

    if given["--link"] is None:
        raise PlanError("--link is missing; say how fast it is, such as 100Gbit or 25GB/s")
    precision = _precision(said("--precision", "fp32"))
    peak, memory = _peak(given["--device"], given["--flops"], precision)
    if given["--memory"] is not None:
        memory = quantities.size(str(given["--memory"]))
    return Cluster(
        devices=int(said("--devices", "8")),
        link=Link(
            quantities.rate(str(given["--link"])), quantities.seconds(said("--latency", "5us"))
        ),
        peak=peak,
        efficiency=float(said("--efficiency", "0.5")),
        precision=precision,
        memory=memory,
        bucket=quantities.size(said("--bucket", "25MiB"), "--bucket"),
    )


def _precision(text: str) -> Precision:
    from alexnet.network.plan import PlanError
    from alexnet.network.plan import Precision as Known

    for known in get_args(Known):
        if known == text:
            return known
    raise PlanError(f"no precision is called '{text}'{nearest(text, list(get_args(Known)))}")


def _peak(
    device: str | float | None, flops: str | float | None, precision: Precision
) -> tuple[float, int | None]:
    """Operations a second of a device, and its memory where it is one with a name."""
    from alexnet.network.plan import DEVICES, PlanError, quantities

    if (device is None) == (flops is None):
        raise PlanError(
            "say how fast a device is: either --device with a name or --flops such as 15.7T"
        )
    if device is None:
        return quantities.operations(str(flops)), None
    known = DEVICES.get(str(device))
    if known is None:
        raise PlanError(f"no device is called '{device}'{nearest(str(device), list(DEVICES))}")
    if precision not in known.peak:
        has = ", ".join(known.peak)
        raise PlanError(f"{known.label} has no fast arithmetic in {precision}; it has {has}")
    return known.peak[precision], known.memory


def _schemes(text: str) -> tuple[Scheme, ...]:
    from alexnet.network.plan import SCHEMES, PlanError

    picked: list[Scheme] = [
        x for x in SCHEMES if text == "all" or text in (str(x), x.rsplit("-", 1)[0])
    ]
    if not picked:
        raise PlanError(f"no scheme is called '{text}'{nearest(text, list(PICKED))}")
    return tuple(picked)


def _count(text: str, option: str) -> int:
    from alexnet.network.plan import quantities

    return quantities.count(text, option)


def _print_plan(found: Plan, as_markdown: bool) -> None:
    from alexnet.network.plan import MEANING

    cluster = found.cluster
    title = f"{found.work.network.name} on {cluster.devices:,} devices, {cluster.precision}"
    _print(_facts(title, found.general), as_markdown)
    for each in found.dealt:
        scheme = each.step.scheme
        _print(_facts(f"{scheme}: {MEANING[scheme]}", each.facts), as_markdown)
    _print(_summary(found), as_markdown)


def _print(table: terminal.Table, as_markdown: bool) -> None:
    terminal.print_table(table, as_markdown)
    if as_markdown:
        terminal.say()


def _facts(title: str, facts: Iterable[Fact]) -> terminal.Table:
    return terminal.Table(
        title=title,
        columns=("what", "value", "how it comes about"),
        rows=[(fact.what, fact.shown, fact.sentence) for fact in facts],
    )


def _summary(found: Plan) -> terminal.Table:
    """A row per scheme, the assumptions below."""
    from alexnet.network.plan.quantities import shown_bytes, shown_seconds

    rows = [
        (
            each.step.scheme,
            shown_bytes(each.step.sent),
            shown_seconds(each.step.seconds),
            f"{each.step.speed_up:,.4g}",
            shown_bytes(each.room.needed),
            shown_seconds(each.run_seconds),
        )
        for each in found.dealt
    ]
    left_out = [f"no {scheme}: {why}" for scheme, why in found.refused.items()]
    return terminal.Table(
        title="side by side",
        columns=("scheme", "#sent a step", "#step", "#speed-up", "#memory", "#the whole run"),
        rows=rows,
        notes=[*left_out, *(f"assumed: {each}" for each in found.assumptions)],
    )


def _print_check(found: Iterable[Published], as_json: bool, as_markdown: bool) -> None:
    from alexnet.network.plan import published_tree

    if as_json:
        terminal.print_json(published_tree())
        return
    for each in found:
        rows = [
            *((p.assumption, f"{p.speed_up:.4g}", "predicted") for p in each.predictions),
            *((p.assumption, f"{p.speed_up:.4g}", "to compare") for p in each.others),
            ("published", f"{each.speed_up:g}", each.source),
        ]
        table = terminal.Table(
            title=each.what,
            columns=("assumption", "#speed-up", "what it is"),
            rows=rows,
            notes=[each.one_device, each.verdict],
        )
        _print(table, as_markdown)
