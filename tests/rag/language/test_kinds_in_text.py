"""Whether a text holds a thing of the kind that a question asks for."""

import pytest

from rag.language.asked import Kind, kind_asked
from rag.language.kinds_in_text import holds, points_back


@pytest.mark.parametrize(
    ("question", "text", "held"),
    [
        ("How many lamps were sold in 2019?", "In 2019 lamps were sold.", False),
        ("How many lamps were sold in 2019?", "In 2019 twelve lamps were sold.", True),
        ("How many lamps were sold?", "See Table 3 and [12] of section 4.1.", False),
        (
            "What was the total output of the mill?",
            "It was the 11th mill to be listed in Schedule 2, in (1) the north and (2) the east.",
            False,
        ),
        ("What was the total output of the mill?", "It made two (2) tons.", True),
        ("What net income did the mill report?", "The mill reported on 3 items.", False),
        ("What net income did the mill report?", "The mill reported a net income of $3,000.", True),
        ("How long does it last?", "It lasts thirty-day periods.", True),
        ("How long does it last?", "It lasts.", False),
        ("When was it opened?", "It was opened after the war.", False),
        ("When was it opened?", "It was opened in May 1931.", True),
        ("What is the deadline for returns?", "Send it back within 10 days of the sale.", True),
        ("What is the deadline for returns?", "Send it back after the sale.", False),
        ("How many passages are there?", "5 Each passage has a title.", False),
        ("How many passages are there?", "5 passages have a title.", True),
        ("When must I pay?", "Pay within a week of the bill.", True),
        ("At what time does it begin?", "It begins on 3 May.", False),
        ("At what time does it begin?", "Doors: 9:30", True),
        ("Who opened Tower Bridge?", "Tower Bridge was opened.", False),
        ("Who opened Tower Bridge?", "Tower Bridge was opened by Ann Lee.", True),
        ("Which company insures the van?", "The van is insured.", False),
        ("What is Ann Lee's e-mail address?", "Write to Ann Lee at the office.", False),
        ("What is Ann Lee's e-mail address?", "ann.lee@example.org", True),
        ("How do I reset the router?", "Hold the key, or run `reset --all`.", True),
        ("When is the deadline?", "Directive 2018–23–51 applies to all lamps.", False),
        ("When is the deadline?", "Comments are due by September 21, 2020.", True),
        ("When was it sold?", "It was sold on 2020-09-21.", True),
        ("When did the league play?", "It was the season of 2018–19.", True),
        ("When does the Fair Before Noon take place?", "Join us at the Fair Before Noon", False),
        ("When does the fair take place?", "Ready when you are.", False),
        ("When does the shop open?", "It opens every morning.", True),
        ("When does the shop open?", "It opens at nine.", True),
        ("When does the shop open?", "It is at 9 Mill Lane.", False),
        ("When was it sold?", "Sold on 21-Sep-2020.", True),
        ("When was it sold?", "Sold on 2020/09/21.", True),
        ("When was it sold?", "Sold on 21.9.20.", True),
        ("When was it sold?", "Version 2.10.3 was sold.", False),
        ("When did they live there?", "They lived there in the 10th and 11th centuries.", True),
        ("When was it built?", "It was built about 300 BC.", True),
        ("When did they die out?", "They died out 66 million years ago.", True),
        ("Quand a-t-il ouvert ?", "Il a ouvert le 3 mai.", True),
        ("Когда открыли мост?", "Мост открыли 3 мая.", True),
        ("When had the guild existed?", "The guild existed since the Tang dynasty.", True),
        ("How long has the inn stood here?", "The inn stands here since the fire of 1893.", True),
        ("How old is the owner?", "Ann Lee (born 13 April 1953) is the owner.", True),
        ("How long does it take to count?", "It is counted in seconds.", True),
        ("How long does it take to count?", "It is counted by hand, in halls.", False),
        ("What is the hourly rate?", "In no event shall more be paid.", False),
        ("What does the lamp cost?", "The lamp burns 12 hours, since 5 May 2012.", False),
        ("What does the lamp cost?", "The lamp has 12 rods and costs $___.", False),
        ("What does the lamp cost?", "The lamp is 12 crowns.", True),
        ("What does the lamp cost?", "The lamp is SEK 12.", True),
        ("What does the lamp cost?", "The lamp is 12 Dollars.", True),
        ("What does the lamp cost?", "Cost: 12", True),
        ("What is the rent?", "You owe 900 a month.", True),
        ("What does the lamp cost?", "Lamp, red: 1,200", True),
        ("What is the penalty for late payment?", "Invoices come within 45 days.", False),
        ("How many people paid?", "Of all, 12 did.", True),
        ("What does the lamp cost?", "It has 850 CCA, and runs at 20%.", False),
        ("What is the grand total of the bill?", "Acme, 4557 De Silva St", False),
        ("What is the grand total of the bill?", "TOTAL $ 112.00", True),
        ("What fee is paid, as a percentage?", "It was paid 5 million dollars.", False),
        ("What fee is paid, as a percentage?", "A fee of 7.0% is paid.", True),
        ("What is the interest rate?", "Loans of $150 are made.", False),
        ("What is the interest rate?", "The rate is 3.5 percent.", True),
        ("What is the hourly rate?", "The rate is $12.", True),
        ("How many lamps were sold?", "They were sold for $3,148,800.00 on August 7, 2023 at 7:30.", False),
        ("How many lamps were sold?", "40 % were sold.", False),
        ("How many lamps were sold?", "1,200 were sold.", True),
        ("How many lamps are to be put up?", "Duration: 15 weeks 5. Put up under the contract: lamps", False),
        ("How many lamps are there?", "They weigh 12,320 lb (5 kg).", False),
        ("How many flats are built?", "Vu le règlement 1274 et la demande 2023-0379, au 1069, boulevard Nord", False),
        ("How many flats are built?", "Un immeuble de 43 logements", True),
        ("How many dollars were paid?", "They paid $300.", True),
        ("How many lamps are there?", "Call (870) 931-0505.", False),
        ("What is the booking number?", "Booking of Ann Lee", False),
        ("What is the booking number?", "Booking: IBZ2087", True),
        ("What is the phone number of the office?", "Opened on 31/12/2017", False),
        ("What is the phone number of the office?", "Room 12, from 9 to 5", False),
        ("What is the phone number of the office?", "Call 555 0100.", True),
        ("What is the number of the invoice?", "Invoice 12", True),
        ("How fast is it?", "It runs 3d-cube.", False),
        ("Who gives the talk?", "Click <https://example.com/MTEyLVRaTS03>.", False),
        ("Where was Ann Lee born?", "Name: Ann Lee\nWork: actor\nHas kids: TRUE\nDate of birth: 1956-10-21", False),
        ("Where was Ann Lee born?", "Name: Ann Lee\nHome: Rome", True),
        ("Where was Ann Lee born?", "Ann Lee was born in Rome.", True),
        ("How many lamps are left?", "There are no lamps left.", True),
        ("What is a young goat called?", "A goat is a farm animal.", False),
        ("What is a young goat called?", "The young of a goat are called kids.", True),
        ("Comment s'appelle le petit de la chèvre ?", "Le petit de la chèvre tète.", False),
        ("Comment s'appelle le petit de la chèvre ?", "Le petit, appelé chevreau, tète.", True),
        ("What is a goat?", "A goat is a farm animal.", True),
    ],
)
def test_a_text_holds_what_is_asked_for_beside_what_the_question_says_itself(
    question: str, text: str, held: bool
) -> None:
    assert holds(kind_asked(question), text, question) is held


def test_a_row_has_its_unit_in_the_head() -> None:
    assert holds(Kind.NUMBER, "Red lamp\t12", "What does the red lamp cost?", is_row=True)
    assert not holds(Kind.NUMBER, "Long arm\t12,320 lb (5 590 kg)", "What does the long arm cost?", is_row=True)
    assert holds(Kind.DURATION, "Red lamp\t12", "How many hours does the red lamp burn?", is_row=True)
    assert not holds(Kind.DURATION, "Red lamp: 12 rods", "How many hours does the red lamp burn?")


def test_how_much_is_left_to_pay_is_told_by_a_sum_and_not_by_a_number_of_things() -> None:
    assert holds(Kind.NUMBER, "Solde à payer\t470,15 €", "Combien reste-t-il à payer ?", is_row=True)
    assert not holds(Kind.NUMBER, "Le solde est à payer sous 30 jours.", "Combien reste-t-il à payer ?")
    assert not holds(Kind.NUMBER, "Les chaises coûtent 470,15 €.", "Combien de chaises y a-t-il ?")


def test_a_sentence_that_points_back_is_told() -> None:
    assert points_back("This can be changed.") and not points_back("Thistles can be cut.")


def test_spans_of_time_and_quarters_count_no_people_and_no_money() -> None:
    people = "How many people did the harbour employ?"
    assert not holds(Kind.NUMBER, "Sales of the three- and nine-month periods were as follows.", people)
    assert holds(Kind.NUMBER, "It had nine keepers in the three months.", people)
    assert not holds(Kind.NUMBER, "Sales fell in the third quarter.", "How much did the harbour sell?")
    assert holds(Kind.DURATION, "It runs for ninety days.", "After how many days does it run out?")
