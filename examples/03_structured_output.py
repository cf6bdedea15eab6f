"""The answer as a typed object: validated, and asked for again when it does not fit."""

from typing import Literal

from pydantic import BaseModel, Field

from agentkit import Agent, Limits, model_from_environment


class Item(BaseModel):
    """One line of an invoice."""

    description: str
    quantity: int = Field(ge=1)
    price: float = Field(ge=0)


class Invoice(BaseModel):
    """What is read off an invoice."""

    number: str
    currency: Literal["EUR", "USD", "GBP"]
    items: list[Item] = Field(min_length=1)

    @property
    def total(self) -> float:
        """What is to be paid."""
        return sum(item.quantity * item.price for item in self.items)


reader = Agent(
    model_from_environment(),
    output=Invoice,
    instructions="Read the invoice.",
    limits=Limits(repairs=3),
)

if __name__ == "__main__":
    result = reader.run_sync('Invoice number 1027, currency EUR: description "blue mugs", quantity 3, price 12.50.')
    invoice = result.output  # an Invoice: editors and type checkers know
    print(f"invoice {invoice.number}: {len(invoice.items)} item(s), {invoice.total:.2f} {invoice.currency}")
    print(invoice.model_dump_json(indent=2))
