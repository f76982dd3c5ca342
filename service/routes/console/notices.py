"""What a page says at its head of what has just been done. The address carries a word, and at most a number."""

from service.http.requests import Request
from service.languages import N_, gettext

DIGITS = 18
# One thing, and several; the same where nothing is counted.
TEXTS = {
    "ended": (N_("The session has ended: its device is out."), N_("%(n)s sessions have ended: their devices are out.")),
    "gone": (N_("The session had ended already: its device is out."),) * 2,
    "disabled": (N_("The account is disabled, and out of every device."),) * 2,
    "enabled": (N_("The account may log in again."),) * 2,
    "unlocked": (N_("Tries, codes and cool-down of the number are forgotten."),) * 2,
    "person_removed": (N_("Removed: logged out everywhere, and no passkey of theirs opens this any more."),) * 2,
    "operator_logged_out": (N_("Logged out there from the next request on."),) * 2,
    "key_removed": (N_("Removed: the key opens nothing any more."),) * 2,
    "letter_resent": (N_("The event is sent once more."), N_("%(n)s events are sent once more.")),
    "letter_deleted": (N_("The event is deleted, and never sent."),) * 2,
    "renamed": (N_("The person has the new name."),) * 2,
    "number": (N_("The number is changed, and every device is out. The old number was not told."),) * 2,
    "number_told": (N_("The number is changed, and every device is out. The old number was told."),) * 2,
}


def told(request: Request) -> str:
    """The sentence that the address asks for; empty where it asks for none."""
    word, count = request.args.get("done", ""), request.args.get("n", "")
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= DIGITS else 0
    if word not in TEXTS:
        return ""
    one, several = TEXTS[word]
    return gettext(one if number == 1 else several) % {"n": number}
