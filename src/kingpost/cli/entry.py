"""The group of commands: finds the one that is asked for, imports only that, and says what goes wrong in words."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from kingpost.cli.complaints import complain, complain_of
from kingpost.errors import KingpostError

COMMANDS = ("dev", "serve", "seed", "shell", "routes", "token", "explain", "events", "version")
HIDDEN = ("dev_server",)
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run the command that the arguments ask for, and exit: 0 done, 1 refused or failed, 2 wrongly called."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and say what went wrong, if anything, in words. KINGPOST_DEBUG=1 shows the traceback too."""
    try:
        code = kingpost.main(arguments, prog_name="kingpost", standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        return MISUSED
    except click.UsageError as misused:
        context = misused.ctx.command_path if misused.ctx else "kingpost"
        complain(misused.format_message(), f"see {context} --help")
        return MISUSED
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
        return FAILED
    except Exception as error:
        return _failed(error)


class Commands(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("-", "_")
        if name not in COMMANDS + HIDDEN:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"kingpost.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"there is no command {args[0]!r}; there is {', '.join(COMMANDS)}", ctx) from error


@click.group(cls=Commands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
def kingpost() -> None:
    """Serve a typed model over every API style, under one policy.

    Start with:  kingpost dev examples.flights
    """


def _failed(error: Exception) -> int:
    if os.environ.get("KINGPOST_DEBUG") == "1":
        raise error
    if isinstance(error, KingpostError):
        complain_of(error)
    else:
        complain(f"{type(error).__name__}: {error}", "this is a defect: KINGPOST_DEBUG=1 shows where")
    return FAILED
