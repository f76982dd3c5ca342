"""How much is allowed: of codes sent, of wrong tries, of logins (section 5 of the contract)."""

from limits import RateLimitItem, parse_many
from pydantic import BaseModel, Field, field_validator

from settings.fields import OFF

MOST = 1_000_000  # Redis keeps a moment for each
LONGEST_WINDOW = 366 * 86_400  # seconds
COOLDOWN_REST = 3600  # seconds after which a number's cool-downs are forgotten


class LimitSettings(BaseModel):
    """Limits in the notation of the `limits` library; `off` switches one off."""

    limit_code_cooldown: str = Field(
        "60,60,120,300", description="seconds between two codes to one number; the last one repeats; or `off`"
    )
    limit_codes_per_number: str = Field("5/hour;10/day", description="codes sent to one number")
    limit_tries_per_number: str = Field(
        "20/day;100/90 day", description="wrong codes for one number, over all its codes; a login forgets them"
    )
    limit_codes_per_ip: str = Field("30/hour", description="codes asked for from one address; an IPv6 /64 is one")
    limit_codes_per_prefix: str = Field("300/hour", description="codes to numbers that share the first 7 digits")
    limit_codes_total: str = Field("600/minute;50000/day", description="all codes: the budget of the SMS bill")
    limit_logins_per_ip: str = Field("60/minute", description="log-in attempts from one address")

    @field_validator(
        "limit_codes_per_number",
        "limit_tries_per_number",
        "limit_codes_per_ip",
        "limit_codes_per_prefix",
        "limit_codes_total",
        "limit_logins_per_ip",
    )
    @classmethod
    def _check_limit(cls, limit: str) -> str:
        if limit.strip().lower() == OFF:
            return OFF
        try:
            items = parse_many(limit)
        except ValueError:
            items = []
        windows = {item.get_expiry() for item in items}  # two of one length would be one key, spent twice
        if not items or len(windows) < len(items) or not all(map(_is_sane, items)):
            raise ValueError(
                f"should be like 5/hour;10/day, amounts from 1 to {MOST:,}, each window once and a year at most, or off"
            )
        return limit

    @field_validator("limit_code_cooldown")
    @classmethod
    def _check_cooldown(cls, steps: str) -> str:
        if steps.strip().lower() == OFF:
            return OFF
        parts = [part.strip() for part in steps.split(",")]
        if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= COOLDOWN_REST for part in parts):
            raise ValueError(f"should be seconds like 60,60,120,300, each from 1 to {COOLDOWN_REST}, or off")
        return steps

    @property
    def cooldown_steps(self) -> tuple[int, ...]:
        """Seconds to wait after the first code, the second, and so on; empty where the cool-down is off."""
        if self.limit_code_cooldown == OFF:
            return ()
        return tuple(int(part) for part in self.limit_code_cooldown.split(","))


def _is_sane(item: RateLimitItem) -> bool:
    return 1 <= item.amount <= MOST and 1 <= item.get_expiry() <= LONGEST_WINDOW
