"""Words by which sentences are compared: those that deny, that tell a direction, that begin a sentence without naming anything."""

# Deny, in some languages of Europe; a word that ends in "n't" does too.
NEGATIONS = frozenset(
    """
    not no never none nobody nothing neither nor without cannot unable fail fails failed lack lacks lacked refuse
    refuses refused deny denies denied hardly barely nicht kein keine keinen nie niemals ohne ne pas jamais aucun
    sans nunca ningún sin não non
    """.split()
)
# Tell one direction of a comparison or change ...
UP = frozenset(
    """
    more greater higher larger bigger longer older later above over exceed exceeds exceeded exceeding increase
    increases increased increasing rise rises rose rising risen grow grows grew growing growth gain gains gained up
    upward most highest largest longest maximum majority after faster stronger improve improves improved better best
    widen expand expanded win wins won
    """.split()
)
# ... and the other.
DOWN = frozenset(
    """
    less fewer lower smaller shorter younger earlier below under decrease decreases decreased decreasing fall falls
    fell falling fallen decline declines declined declining drop drops dropped loss lose loses lost down downward
    least lowest smallest shortest minimum minority before slower weaker worsen worsens worsened worse worst narrow
    shrink shrank
    """.split()
)
# Begin sentences in capitals without naming anything.
OPENERS = frozenset(
    """
    is are was were be been being has have had do does did can could will would shall should may might must
    the a an this that these those it its he she they his her their we our i you your in on at by for from to of
    with as if when while where who what which how why and but or so yet because since although though after before
    during under over between there here then thus however moreover also both each every all some many most few
    several such no not only according another any both either neither one two three four five six seven eight nine
    ten being having based instead despite unlike like more less other others same first second third last next new
    old great good early late today now still even once until upon within without about above across against along
    among around
    """.split()
)
# Speak of the sources themselves, as in "according to the document".
OF_SOURCES = frozenset(
    "according document documents text texts passage passages source sources article sentence sentences".split()
)
# Compared as units, not as words.
OF_UNITS = frozenset("percent per cent".split())
