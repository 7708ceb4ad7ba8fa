"""Who works there: name, department, title, and whose team they are in. The first word of a name is the sign-in name."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "example.test"
PASSWORD = "borrowed-power-2026"  # noqa: S105  the demo's password is printed at every start
ZONE = "Europe/Vienna"


@dataclass(frozen=True)
class Someone:
    """One person of the demo.

    Args:
        name: display name; the first word, in lower case, signs in and is the login in the database.
        manager: first name of their manager; "" for none.
    """

    name: str
    department: str
    title: str
    manager: str = ""

    @property
    def login(self) -> str:
        """The name they sign in with, and their login in the database."""
        return self.name.split()[0].lower()

    @property
    def email(self) -> str:
        return f"{self.login}@{DOMAIN}"


PEOPLE = [
    Someone("Alva Chief", "Management", "Managing director"),
    Someone("Dana Fictive", "IT", "Identity administrator", "ines"),
    Someone("Ines Pretend", "IT", "Head of IT", "alva"),
    Someone("Robin Sample", "Payments", "Database engineer", "lou"),
    Someone("Kim Placeholder", "Platform", "Database lead", "ines"),
    Someone("Jo Mockup", "Platform", "Platform engineer", "kim"),
    Someone("Toni Testcase", "Internal audit", "Auditor", "alva"),
    Someone("Pat Ipsum", "Sales", "Account manager", "rory"),
    Someone("Sam Specimen", "IT", "Systems engineer", "ines"),
    Someone("Lou Example", "Payments", "Head of payments", "alva"),
    Someone("Alex Draft", "Payments", "Reconciliation analyst", "lou"),
    Someone("Mika Dummy", "Payments", "Developer", "lou"),
    Someone("Rory Lorem", "Sales", "Head of sales", "alva"),
    Someone("Billie Stub", "Sales", "Account manager", "rory"),
    Someone("Casey Token", "Sales", "Sales analyst", "rory"),
    Someone("Charlie Proxy", "Platform", "Network engineer", "kim"),
    Someone("Drew Sandbox", "Platform", "Site reliability engineer", "kim"),
    Someone("Eden Fixture", "Platform", "Site reliability engineer", "kim"),
    Someone("Emery Facade", "IT", "Service desk lead", "ines"),
    Someone("Finley Scratch", "IT", "Service desk agent", "emery"),
    Someone("Frankie Wildcard", "IT", "Service desk agent", "emery"),
    Someone("Gray Blueprint", "IT", "Service desk agent", "emery"),
    Someone("Harper Outline", "Finance", "Head of finance", "alva"),
    Someone("Hayden Figure", "Finance", "Controller", "harper"),
    Someone("Indigo Ledger", "Finance", "Accountant", "harper"),
    Someone("Jamie Margin", "Finance", "Accountant", "harper"),
    Someone("Jules Sketch", "Finance", "Accountant", "harper"),
    Someone("Kai Pattern", "Development", "Head of development", "alva"),
    Someone("Lane Branch", "Development", "Developer", "kai"),
    Someone("Logan Merge", "Development", "Developer", "kai"),
    Someone("Marlowe Patch", "Development", "Developer", "kai"),
    Someone("Noel Release", "Development", "Release manager", "kai"),
    Someone("Oakley Query", "Development", "Data engineer", "kai"),
    Someone("Parker Index", "Development", "Data engineer", "kai"),
    Someone("Quinn Schema", "Development", "Data engineer", "kai"),
    Someone("Reese Notional", "Human resources", "Head of human resources", "alva"),
    Someone("River Roster", "Human resources", "People partner", "reese"),
    Someone("Sage Record", "Human resources", "People partner", "reese"),
    Someone("Skyler Clause", "Legal", "Counsel", "alva"),
    Someone("Tatum Clearance", "Internal audit", "Auditor", "toni"),
    Someone("Val Reserve", "IT", "Break-glass account", ""),
]

GROUPS = {
    "Database owners": ("Decide on access to databases.", ["kim", "jo", "drew"]),
    "Payments team": ("Everyone in payments.", ["robin", "alex", "mika"]),
    "Service desk": ("First line of support.", ["emery", "finley", "frankie", "gray"]),
    "Data engineers": ("Build and mend the data pipelines.", ["oakley", "parker", "quinn"]),
}
