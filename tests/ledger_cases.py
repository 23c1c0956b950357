"""Sentences about passages, written for the tests: true ones, and from them, by rule, false ones of several kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PASSAGES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # name: (text, true sentences, invented ones)
    "Corvane annual report": (
        "Revenue rose to EUR 596.4 million in 2025, after EUR 532.1 million in the year before, as both new plants"
        " in Lisbon and Gdansk delivered. Operating profit was EUR 48.2 million. The Board proposes a dividend of "
        "EUR 0.31 per share, to be paid on 12 June 2026. At the end of the year the group employed 2,318 people.",
        (
            "In 2025 revenue increased to EUR 596.4 million from EUR 532.1 million a year earlier.",
            "Revenue rose by 12.1% to EUR 596.4 million, from EUR 532.1 million.",
            "The Board is proposing a dividend of EUR 0.31 a share, payable on 12 June 2026.",
            "2,318 people worked for the group at year-end.",
            "The growth is attributed to the new plants in Lisbon and Gdansk.",
            "Operating profit was EUR 48.2 million.",
        ),
        (
            "The group plans to list its shares in New York next year.",
            "Marketing costs were cut sharply after the chief executive resigned.",
        ),
    ),
    "Harbour Street lease": (
        "The lease begins on 1 March 2024 and runs for seven years. Either side may end it after five years with "
        "nine months' notice. The yearly rent is 84,000 euros, payable quarterly in advance. The landlord repairs "
        "the roof, the lifts and the outer walls. The tenant may not sublet the office without the landlord's "
        "written consent.",
        (
            "The lease starts on 1 March 2024 and has a term of seven years.",
            "Both parties may terminate it after five years, with nine months' notice.",
            "Rent is €84,000 a year and must be paid quarterly in advance.",
            "The landlord is responsible for repairing the roof, the lifts and the outer walls.",
            "Subletting is not allowed without the written consent of the landlord.",
        ),
        (
            "The tenant receives two parking spaces in the basement.",
            "A deposit of three months' rent is held by the bank.",
        ),
    ),
    "Orlin credit facility": (
        "Brannock Bank arranged the facilities and acts as agent for the lenders. Both facilities mature on 30 "
        "June 2029. The term loan is repaid in five equal instalments of EUR 12 million. Leverage must not exceed "
        "3.25, tested every quarter. No dividend may be paid while leverage is above 3.00. A commitment fee of 35%"
        " of the margin is paid on the undrawn part.",
        (
            "Brannock Bank is the agent for the lenders and arranged the facilities.",
            "The two facilities mature on 30 June 2029.",
            "The term loan will be repaid in five equal instalments of EUR 12 million each.",
            "Leverage must not be higher than 3.25 and is tested each quarter.",
            "Dividends may not be paid while leverage is above 3.00.",
            "The commitment fee is 35% of the margin on the undrawn part.",
        ),
        (
            "The lenders have a charge over the company's warehouses.",
            "Interest can be deferred once during the life of the loan.",
        ),
    ),
    "Segment table": (
        "Segment (EUR million) 2024 2025\nIndustrial pumps 238.9 271.6\nThermal storage 44.6 68.5\nService 61.0 "
        "70.2\nTotal 344.5 410.3",
        (
            "Thermal storage had revenue of EUR 68.5 million in 2025, after 44.6 million in 2024.",
            "Industrial pumps is the largest segment, with 271.6 million in 2025.",
            "Revenue of the Service segment grew from 61.0 to 70.2, an increase of 9.2 million.",
            "In total, the segments reached EUR 410.3 million in 2025, up 19.1% from 344.5 million.",
        ),
        (
            "Most customers of the pumps business are chemical companies in Asia.",
            "Margins in every segment were squeezed by the price of copper.",
        ),
    ),
    "Veltra trial": (
        "In the Veltra study 412 patients received the drug and 405 a placebo. After 24 weeks the mean reduction "
        "in blood pressure was 9.4 mmHg with the drug and 2.1 mmHg with placebo. Headache was reported by 6 "
        "percent of patients. The drug did not change kidney function. Dr. Ines Okafor led the study at the Marlow"
        " Clinic in Leeds.",
        (
            "412 patients were given the drug, while 405 received a placebo.",
            "Blood pressure fell by 9.4 mmHg on average with the drug, compared with 2.1 mmHg with placebo.",
            "Six percent of the patients reported headache.",
            "Kidney function was not changed by the drug.",
            "The study was led by Dr. Ines Okafor of the Marlow Clinic in Leeds.",
        ),
        (
            "Patients over the age of seventy responded less well to treatment.",
            "The regulator has since withdrawn its approval of the tablets.",
        ),
    ),
    "Pellworth safety manual": (
        "Switch the press off and lock the main switch before you open the guard. The hydraulic oil must be "
        "changed every 2,000 operating hours. Do not use water to put out a fire in the control cabinet. The PX-40"
        " press may be operated by trained staff only. The noise level at the workplace is 82 dB.",
        (
            "Before opening the guard, the press has to be switched off and the main switch locked.",
            "Hydraulic oil has to be changed every 2,000 operating hours.",
            "A fire in the control cabinet must not be put out with water.",
            "Only trained staff may operate the PX-40 press.",
            "At the workplace the noise level is 82 dB.",
        ),
        (
            "The warranty is void if spare parts of other makers are fitted.",
            "The press is delivered in two crates and assembled within a week.",
        ),
    ),
    "Dunmere council minutes": (
        "The council met on Tuesday, 4 February 2025. Councillor Brand moved that the library in Elm Road stay "
        "open on Sundays. The motion was carried by eleven votes to four. The repair of the swimming pool will "
        "cost about 1.2 million pounds and is expected to be finished in October. Councillor Mehta asked for a "
        "report on parking.",
        (
            "The council voted by eleven votes to four to keep the Elm Road library open on Sundays.",
            "Councillor Brand moved the motion about the library.",
            "Repairing the swimming pool is expected to cost about £1,200,000.",
            "The swimming pool is due to be finished in October.",
            "Councillor Mehta requested a report on parking.",
        ),
        (
            "Residents complained about the noise of the fairground.",
            "The mayor will not stand for election again.",
        ),
    ),
    "Quenby supply agreement": (
        "The Supplier shall deliver at least 320 compressors in each contract year. If delivery is late, the "
        "Supplier pays 0.5% of the price of the delayed compressors for each week, up to 10%. Invoices are payable"
        " within 45 days of receipt. The Buyer may terminate without cause on twelve months' notice. The agreement"
        " is governed by the law of Denmark.",
        (
            "At least 320 compressors have to be delivered by the Supplier in every contract year.",
            "For late delivery, the Supplier pays 0.5% of the price per week, up to a maximum of 10%.",
            "Invoices have to be paid within 45 days after they are received.",
            "The Buyer can terminate the agreement without cause with twelve months' notice.",
            "Danish law governs the agreement.",
        ),
        (
            "The Supplier keeps a stock of spare parts for ten years.",
            "Disputes go to arbitration before three arbitrators.",
        ),
    ),
}
UNSEEN: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # Written in looser words, after the rules and their thresholds; two kinds of negation were learned from them since.
    "Ashgrove earnings call": (
        "We closed the quarter with an order book of $1,140 million. Net sales came in at $412 million, which is 3"
        " percent less than a year ago, mainly because shipments from Toledo slipped into April. Gross margin "
        "widened to 31.8 percent. We bought back 1.5 million shares. We do not expect tariffs to matter before "
        "2027, and our guidance for the full year is unchanged.",
        (
            "The order book stood at $1.14 billion at the end of the quarter.",
            "Net sales were $412 million, down 3% year on year.",
            "Sales declined mostly because deliveries from Toledo were delayed until April.",
            "Gross margin improved to 31.8%.",
            "The company repurchased 1.5 million of its own shares.",
            "Management does not think that tariffs will have an effect before 2027.",
            "The guidance for the full year has not been changed.",
        ),
        (
            "The company intends to close a distribution centre in the autumn.",
            "Management warned that interest costs could double.",
            "A new chief financial officer will join in the summer.",
        ),
    ),
    "Whitlow home insurance": (
        "We pay for loss or damage caused by fire, storm, escape of water and theft. You must tell us about a "
        "claim within 30 days. The excess is 250 pounds for each claim, and 1,000 pounds for subsidence. We do not"
        " cover damage that happens while the home is empty for more than 60 days in a row. Valuables are insured "
        "up to 15,000 pounds in total. You can cancel within 14 days of receiving the policy and get a full "
        "refund.",
        (
            "Fire, storm, escape of water and theft are covered.",
            "Claims have to be reported within 30 days.",
            "The policyholder bears an excess of £250 per claim, or £1,000 in the case of subsidence.",
            "Damage is not covered if the home has been empty for more than 60 consecutive days.",
            "Cover for valuables is limited to £15,000 altogether.",
            "If you cancel within 14 days of receiving the policy, you get all your money back.",
        ),
        (
            "Bicycles are insured outside the home as well.",
            "Premiums rise by a fixed rate at each renewal.",
            "Legal expenses are paid in disputes with neighbours.",
        ),
    ),
    "Norvik turbine data sheet": (
        "The NT-7 turbine has a rotor diameter of 126 m and a rated power of 3,600 kW. It starts at a wind speed "
        "of 3 m/s and stops at 25 m/s. The blades are made of glass fibre by Halden Composites in Drammen. The "
        "gearbox has to be inspected every six months. The turbine is not approved for offshore use.",
        (
            "With a rotor 126 m across, the NT-7 delivers 3,600 kW.",
            "The turbine cuts in at 3 m/s and cuts out at 25 m/s.",
            "Halden Composites of Drammen makes the blades, which consist of glass fibre.",
            "An inspection of the gearbox is required every six months.",
            "It may not be used offshore, as it is not approved for that.",
        ),
        (
            "The tower is delivered in four sections by rail.",
            "Icing of the sensors has been a known weakness.",
        ),
    ),
    "Quarterly cash table": (
        "Cash flow (EUR thousand) Q1 Q2 Q3\nOperating activities 1,820 2,140 1,960\nInvestments -640 -910 "
        "-700\nFree cash flow 1,180 1,230 1,260\nDividends 0 -800 0",
        (
            "Operating activities brought in EUR 2,140 thousand in Q2.",
            "Free cash flow was 1,180 in Q1, 1,230 in Q2 and 1,260 in Q3.",
            "Free cash flow increased from 1,180 to 1,260, which is 80 more.",
            "Dividends of 800 were paid in Q2.",
        ),
        (
            "Most of the investments went into a new warehouse.",
            "The bank has extended the overdraft.",
        ),
    ),
}
EVERY = PASSAGES | UNSEEN
OTHER_NAMES = ("Helsmoor", "Tavira", "Jarrow", "Castellan")


class Case(NamedTuple):
    """A sentence about the passage called `passage`; `kind` is "true" or how it was made false."""

    passage: str
    kind: str
    sentence: str


def cases(passages: Iterable[str] = tuple(EVERY)) -> list[Case]:
    """Those about some passages, the false ones made by rule."""
    return [Case(name, kind, one) for name in passages for kind, one in _of(name)]


def _of(name: str) -> Iterator[tuple[str, str]]:
    _, true, invented = EVERY[name]
    for position, sentence in enumerate(true):
        yield "true", sentence
        yield from (("number", one) for one in _altered(sentence))
        yield from (("name", one) for one in _swapped(sentence, position))
        yield from (("negation", one) for one in _negated(sentence))
    yield from (("invented", one) for one in invented)


def _altered(sentence: str) -> Iterator[str]:
    """Each figure in turn with its first digit changed."""
    for found in re.finditer(r"\d[\d,.]*\d|\d", sentence):
        digit = str((int(found[0][0]) + 1) % 9 + 1)
        yield sentence[: found.start()] + digit + found[0][1:] + sentence[found.end() :]


def _swapped(sentence: str, position: int) -> Iterator[str]:
    """The last name in it replaced by another."""
    ordinary = {"EUR", "Board", "Supplier", "Buyer", "March", "June", "October", "Sundays", "Service", "Dr", "Danish"}
    found = [one for one in re.finditer(r"(?<=[a-z] )[A-Z][a-z]{3,}", sentence) if one[0] not in ordinary]
    if found:
        last = found[-1]
        yield sentence[: last.start()] + OTHER_NAMES[position % len(OTHER_NAMES)] + sentence[last.end() :]


def _negated(sentence: str) -> Iterator[str]:
    """With a "not" more or less."""
    if " not " in sentence:
        yield sentence.replace(" not ", " ", 1)
    elif found := re.search(r"\b(?:is|are|was|were|may|can|will|must|has|have)\b(?! no)", sentence):
        yield f"{sentence[: found.end()]} not{sentence[found.end() :]}"
