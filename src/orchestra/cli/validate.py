"""`orchestra workflow validate`: findings about a definition, without a server."""

import click
import msgspec

from orchestra.cli.findings import print_findings, summary
from orchestra.cli.options import AS_JSON, bytes_of
from orchestra.cli.printing import print_document
from orchestra.cli.shapes import Finding
from orchestra.workflows.language.validation import Checked, check_text


@click.command()
@click.argument("file", metavar="FILE|-")
@AS_JSON
def validate(file: str, as_json: bool) -> None:
    """Check a definition, without a server: every finding with its place and its fix.

    Only errors keep a definition from being saved, and only they make the exit code 1.

    \b
    Examples:
      orchestra workflow validate support.json
      cat support.json | orchestra workflow validate - --json
    """
    source = bytes_of(file)
    checked = check_text(source)
    if as_json:
        print_document(answer_of(checked))
    else:
        tell(checked, source, "standard input" if file == "-" else file)
    if not checked.valid:
        raise SystemExit(1)


def answer_of(checked: Checked) -> dict[str, object]:
    """The document that `POST /api/workflows/validate` answers."""
    return {
        "valid": checked.valid,
        "findings": checked.findings,
        "normalised": checked.normalised,
        "graph": checked.graph,
    }


def tell(checked: Checked, source: bytes, name: str) -> None:
    """Each finding with an excerpt, then the verdict."""
    findings = [
        msgspec.convert(msgspec.to_builtins(finding), Finding) for finding in checked.findings
    ]
    print_findings(findings, source.decode("utf-8", errors="replace"), name)
    verdict = "valid" if checked.valid else "not valid"
    click.echo(f"{name}: {verdict}, {summary(findings)}")
