"""Medians, ratios to nginx, and how they are printed."""

from __future__ import annotations

import math
from statistics import median

from measures import AGAINST, ROWS, Scale

YARDSTICK = "nginx"
NO_RATIO = {"binary"}


def ratios(values: dict[str, dict[str, list[float]]], row: str, name: str) -> list[float]:
    """The value of each round as a multiple of nginx's in the same round."""
    yardstick = values.get(AGAINST.get(row, row), {}).get(YARDSTICK, [])
    pairs = zip(values[row][name], yardstick)
    return [value / base for value, base in pairs if base > 0 and not math.isnan(value)]


def summary(values: dict[str, dict[str, list[float]]]) -> dict:
    """For each row and proxy: median, least, most and the ratio to nginx."""
    result: dict = {}
    for row in (row for row in ROWS if row in values):
        label, unit, _ = ROWS[row]
        cells = {}
        for name, taken in values[row].items():
            good = [value for value in taken if not math.isnan(value)]
            if not good:
                continue
            cells[name] = {"median": median(good), "min": min(good), "max": max(good), "rounds": good}
            of_nginx = ratios(values, row, name)
            if of_nginx and row not in NO_RATIO and name != "direct":
                cells[name]["ratio"] = median(of_nginx)
        result[row] = {"label": label, "unit": unit, "proxies": cells}
    return result


def guarded(proxies: dict) -> str:
    """What limits and breaker cost: the median of the ratios of the same round."""
    pairs = zip(proxies.get("sidecar", {}).get("rounds", []), proxies.get("unguarded", {}).get("rounds", []))
    found = [value / base for value, base in pairs if base > 0]
    return f"{median(found):.3f}" if found else ""


def table(found: dict, scale: Scale) -> str:
    """A Markdown table: median (least..most), and the ratio to nginx in the same round."""
    names = [name for name in ("direct", "nginx", "haproxy", "sidecar", "unguarded") if any(name in row["proxies"] for row in found.values())]
    both = "unguarded" in names
    lines = [["", *names, "sidecar / nginx", *(["sidecar / unguarded"] if both else [])]]
    for key, row in found.items():
        digits = ROWS[key][2]
        label = row["label"].replace("slow streams", f"{scale.streams:,} slow streams").replace("many streams", f"{scale.many_streams:,} streams")
        cells = [f"{label} ({row['unit']})"]
        for name in names:
            cell = row["proxies"].get(name)
            if cell is None:
                cells.append("")
                continue
            text = f"{cell['median']:,.{digits}f}"
            if len(cell["rounds"]) > 1 and cell["min"] != cell["max"]:
                text += f" ({cell['min']:,.{digits}f}..{cell['max']:,.{digits}f})"
            cells.append(text)
        ratio = row["proxies"].get("sidecar", {}).get("ratio")
        cells.append("" if ratio is None else f"{ratio:.2f}")
        if both:
            cells.append(guarded(row["proxies"]))
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
