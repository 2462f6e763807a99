#!/usr/bin/env python3
"""Write `tickets.json`: 300 invented support tickets, always the same ones.

    python3 workflows/data/make_tickets.py

Products, companies and texts are made up here; no real person or customer is in them.
A few tickets are malformed on purpose, as exports of help desks are.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

COUNT = 300
SEED = 20260801
START = datetime(2026, 3, 2, 7, 15, tzinfo=UTC)

PRODUCTS = ("Brindle Notes", "Ferrowire Sync", "Marlpost Billing", "Tallow Desk")
PLANS = (("free", 6), ("team", 9), ("business", 5), ("enterprise", 3))
CHANNELS = ("email", "form", "chat", "phone")
COMPANIES = (
    "Alder & Finch Joinery", "Birchmoor Clinic", "Copperline Freight", "Dunmarsh Council", "Eastquay Bakery",
    "Fennel Street School", "Grayling Optics", "Hollowbrook Farm", "Inkwell Translations", "Juniper Row Hotel",
    "Kestrel Roofing", "Lowfield Dental", "Mossgate Museum", "Northgate Tyres", "Oakhanger Brewery",
    "Pennywhistle Toys", "Quarry Lane Vets", "Rushmere Solar", "Saltmarsh Ferries", "Thornbury Press",
)  # fmt: skip

TOPICS: dict[str, tuple[tuple[str, str], ...]] = {
    "security": (
        ("Sign-in from a country we do not work in", "The audit page of {product} lists a sign-in at {hour} from a place none of us has been to. Please check whether our account was compromised and end all sessions."),
        ("Suspicious mail in your name", "A mail that pretends to come from {product} asks our staff for their password. It looks like phishing; the sender is not your domain."),
        ("Former colleague can still get in", "Someone who left {weeks} weeks ago can still open {product}. We removed the seat, yet access works. This is a data breach waiting to happen."),
        ("API token was pushed to a public repository", "One of our developers published a {product} token by mistake. We have revoked it; please tell us if it was used."),
    ),
    "outage": (
        ("{product} is down", "Nobody at {company} can open {product} since {hour}. The page shows error 503. {seats} people are waiting."),
        ("Sync has stopped for all of us", "No change has gone through since {hour}; the queue says {number} items pending and does not move. Total outage for our team."),
        ("Data missing after last night", "This morning {number} entries are gone from {product}. We have not deleted anything. Is this data loss on your side?"),
    ),
    "billing": (
        ("Charged twice this month", "Invoice {invoice} was charged two times to our card. Please refund one of them."),
        ("Wrong number of seats on the invoice", "Invoice {invoice} lists {number} seats; we have {seats}. Kindly correct it."),
        ("Please add our VAT number", "Our accountant needs the VAT number of {company} on invoice {invoice}. Where can I enter it?"),
        ("Payment failed but the card is fine", "The payment for {product} was declined, though the bank says there was no attempt. Can you try again?"),
    ),
    "bug": (
        ("Export cuts off long rows", "When I export more than {number} rows from {product}, the last column is cut. Steps: open a list, choose export, take CSV."),
        ("Crash when printing", "{product} crashes when I print a page with a table. It happens every time, version 4.{minor}."),
        ("Dates are one day off", "Dates that I enter show the day before. I am in the time zone of the Azores, perhaps that is the reason."),
        ("Search finds nothing with an umlaut", "Searching for 'Müller' finds nothing, 'Muller' finds {number}. This is a regression, it worked before 4.{minor}."),
        ("Attachments open as an empty page", "Since the update attachments larger than {number} kB show an error and an empty page."),
    ),
    "access": (
        ("Locked out after changing my phone", "I have a new phone and the two-factor codes no longer work. How do I get back into {product}?"),
        ("Reset mail never arrives", "I asked for a password reset {number} times since {hour}; no mail comes, also not in spam."),
        ("Invite link has expired", "The invite for our new colleague says it has expired. Please send another for {product}."),
    ),
    "feature": (
        ("Dark theme for the calendar", "It would be great if the calendar in {product} followed the dark theme like the rest."),
        ("Wish: bulk edit", "We change {number} entries by hand each week. A feature to edit many at once would help us a lot."),
        ("Could you add a Kanban view?", "Our team would like to see lists in {product} as a board. Is this planned?"),
    ),
    "praise": (
        ("Thank you", "I only wanted to say that the support for {product} was excellent last week. Thank you all!"),
        ("The new editor is lovely", "The new editor of {product} is a joy. Great work."),
    ),
    "question": (
        ("How do I merge two projects?", "I have two projects in {product} that should be one. How do I do this without losing comments?"),
        ("Which browsers do you support?", "Our IT asks which browsers {product} supports until the end of the year."),
        ("Moving {number} files", "What is the best way to bring {number} files into {product}? Is there a limit per day?"),
    ),
}  # fmt: skip
WEIGHTS = {
    "security": 5,
    "outage": 6,
    "billing": 14,
    "bug": 18,
    "access": 12,
    "feature": 10,
    "praise": 3,
    "question": 12,
}


def ticket(chance: random.Random, number: int, moment: datetime) -> dict[str, Any]:
    """A well-formed ticket about a topic drawn by weight."""
    topic = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    subject, body = chance.choice(TOPICS[topic])
    plan = chance.choices([name for name, _ in PLANS], [weight for _, weight in PLANS])[0]
    seats = {"free": 1, "team": 12, "business": 80, "enterprise": 600}[plan] * chance.randint(1, 3)
    words = {
        "product": chance.choice(PRODUCTS),
        "company": chance.choice(COMPANIES),
        "seats": seats,
        "number": chance.choice((3, 7, 12, 40, 65, 120, 300, 1200)),
        "minor": chance.randint(0, 9),
        "weeks": chance.randint(1, 9),
        "hour": f"{chance.randint(0, 23):02}:{chance.choice(('00', '10', '25', '40', '55'))}",
        "invoice": f"M-{chance.randint(10_000, 99_999)}",
    }
    text = body.format(**words)
    if chance.random() < 0.15:
        text += " " + chance.choice(
            ("This is the third time I write.", "I expect an answer today.", "We are thinking of leaving.")
        )
    return {
        "id": f"T-{number:04}",
        "receivedAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "channel": chance.choice(CHANNELS),
        "company": words["company"],
        "plan": plan,
        "seats": seats,
        "product": words["product"],
        "subject": subject.format(**words),
        "body": text,
    }


def spoil(chance: random.Random, whole: dict[str, Any]) -> dict[str, Any]:
    """The ticket with one of the faults that exports have."""
    fault = chance.choice(("no body", "no plan", "odd date", "empty subject"))
    if fault == "no body":
        return {**whole, "body": None}
    if fault == "no plan":
        return {name: value for name, value in whole.items() if name != "plan"}
    if fault == "odd date":
        return {**whole, "receivedAt": "03/07/26"}
    return {**whole, "subject": "   "}


def main() -> None:
    chance = random.Random(SEED)
    moment = START
    tickets = []
    for number in range(1, COUNT + 1):
        moment += timedelta(minutes=chance.randint(2, 95), seconds=chance.randint(0, 59))
        whole = ticket(chance, number, moment)
        tickets.append(spoil(chance, whole) if number % 25 == 13 else whole)
    lines = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in tickets)
    Path(__file__).with_name("tickets.json").write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    main()
