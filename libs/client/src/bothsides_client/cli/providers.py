"""`bothsides limits`, `circuits` and `budgets`: what stands around calls that cost money."""

from __future__ import annotations

from typing import Annotated

import typer

from bothsides_client.cli.session import Json, session_of
from bothsides_client.cli.values import NONE, micro_usd, or_none, whole

limits = typer.Typer(no_args_is_help=True, help="Look at the limits of paid models, and set them.")
circuits = typer.Typer(no_args_is_help=True, help="Look at the circuits of paid models, and close them.")
budgets = typer.Typer(no_args_is_help=True, help="Look at what paid calls cost, and bound it.")

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help='Who serves the model, such as "openai".')]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model by the provider's name of it.")]
Tenant = Annotated[str, typer.Option(help="Another tenant than your own.")]


@limits.command("list")
def list_limits(context: typer.Context, as_json: Json = False) -> None:
    """List the models: what is left of their limits, what is under way, what waits."""
    from bothsides_client.cli.render_providers import show_all_limits

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(client.list_provider_limits(), show_all_limits)


@limits.command("get")
def get_limits(context: typer.Context, provider: Provider, model: Model, as_json: Json = False) -> None:
    """Show one model with all that is known of its calls."""
    from bothsides_client.cli.render_providers import show_limits

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.get_provider_limits(provider, model), show_limits)


@limits.command("set")
def set_limits(
    context: typer.Context,
    provider: Provider,
    model: Model,
    requests: Annotated[str | None, typer.Option(help="Requests a minute; or none.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Tokens a minute, in and out together; or none.")] = None,
    input_tokens: Annotated[str | None, typer.Option(help="Input tokens a minute; or none.")] = None,
    output_tokens: Annotated[str | None, typer.Option(help="Output tokens a minute; or none.")] = None,
    in_flight: Annotated[str | None, typer.Option(help="Calls at once, over all workers; or none.")] = None,
    as_json: Json = False,
) -> None:
    """Set limits; they hold from the next call on. What is not named stays as it is.

    Without a limit here, the provider's own holds, as its replies tell it.
    """
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render_providers import show_limits

    session = session_of(context, as_json)
    changed, fields = pb.ProviderLimits(provider=provider, model=model), list[str]()
    for field, text in (
        ("requests_per_minute", requests),
        ("tokens_per_minute", tokens),
        ("input_tokens_per_minute", input_tokens),
        ("output_tokens_per_minute", output_tokens),
        ("max_in_flight", in_flight),
    ):
        if text is not None:
            fields.append(field)
            if (number := or_none(text, whole)) is not None:
                setattr(changed, field, number)
    if not fields:
        raise typer.BadParameter("name what to set; `bothsides limits set --help` lists it")
    with session.client() as client:
        session.show(client.update_provider_limits(changed, fields), show_limits)


@circuits.command("list")
def list_circuits(context: typer.Context, as_json: Json = False) -> None:
    """List the circuits: which models are called, and which are left alone until when."""
    from bothsides_client.cli.render_providers import show_circuits

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(client.list_circuits(), show_circuits)


@circuits.command("reset")
def reset(context: typer.Context, provider: Provider, model: Model, as_json: Json = False) -> None:
    """Close a circuit: the model is called again at once."""
    from bothsides_client.cli.render_providers import show_circuit

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.reset_circuit(provider, model), show_circuit)


@budgets.command("get")
def get_budgets(
    context: typer.Context,
    tenant: Tenant = "",
    batch: Annotated[str, typer.Option(help="Also what this batch has spent.")] = "",
    as_json: Json = False,
) -> None:
    """Show budgets, and what was spent, saved and wasted."""
    from bothsides_client.cli.render_providers import show_budgets

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.get_budgets(tenant, batch_id=batch), show_budgets)


@budgets.command("set")
def set_budget(
    context: typer.Context,
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="total, day or batch.")],
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help="In dollars, such as 2.50; or none.")],
    when_spent: Annotated[
        str, typer.Option(help="hold: jobs wait; refuse: they fail; cheaper: another model is asked.")
    ] = "hold",
    batch: Annotated[str, typer.Option(help="Of one batch; without it, of each.")] = "",
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Set a budget, or remove it; it holds from the next call on."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render_providers import show_budgets

    session = session_of(context, as_json)
    kind = _one_of(scope, ("total", "day", "batch"), "SCOPE")
    policy = _one_of(when_spent, ("hold", "refuse", "cheaper"), "--when-spent")
    budget = pb.Budget(scope=pb.Budget.Scope.Value(kind), batch_id=batch)
    changed = pb.TenantBudgets(tenant=tenant)
    removed = [budget] if limit == NONE else []
    if not removed:
        budget.limit_micro_usd = micro_usd(limit)
        budget.spent_policy = pb.Budget.SpentPolicy.Value(policy)
        changed.budgets.append(budget)
    with session.client() as client:
        session.show(client.update_budgets(changed, removed), show_budgets)


def _one_of(text: str, words: tuple[str, ...], hint: str) -> str:
    if text.lower() not in words:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(words)}", param_hint=hint)
    return text.upper()
