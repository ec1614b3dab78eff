"""What kind of thing a question asks for, told by its words.

Question words of the languages whose words are stemmed are known, and a few of Chinese and Japanese. A question of no known kind
asks for nothing that a text could be seen to lack.
"""

import re
from enum import Enum
from functools import lru_cache

from rag.language.patterns import lazy_pattern

_ENGLISH_UNITS_OF_TIME = (
    "(?:milli)?seconds?|minutes?|hours?|(?:business |working |calendar )?days?|nights?|weeks?|months?|quarters?|years?|"
    "decades?|century|centuries"
)
UNITS_OF_TIME = (
    f"{_ENGLISH_UNITS_OF_TIME}|"
    "sekunden?|minuten?|stunden?|tagen?|tage?|wochen?|monate?n?|jahre?n?|secondes?|heures?|jours?|semaines?|mois|"
    "ans?|années?|segundos?|minutos?|horas?|días?|dias?|semanas?|mes(?:es)?|años?|anos?|secondi|minuti|giorni|settimane|"
    "mesi|anni|"
    "dagen|weken|jaren"
)


# What a question alone decides, which every unit that may answer it is held against, is found once.
cached_by_question = lru_cache(maxsize=256)


def by_first_letter(words: str) -> str:
    """A pattern for the same whole words: where case does not count, the engine tries each of them in turn at every place."""
    endings: dict[str, list[str]] = {}
    for word in words.split("|"):
        endings.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{letter}(?:{'|'.join(each)})" for letter, each in endings.items())


class Kind(Enum):
    """What is asked for. The value is the name that people read."""

    # By identity, as they are compared. Enum's own is written in Python, and called a hundred times a question.
    __hash__ = object.__hash__

    NUMBER = "number"
    CODE = "identifier"
    EMAIL = "e-mail address"
    DURATION = "duration"
    DATE = "date"
    TIME = "time of day"
    PERSON = "person"
    ORGANISATION = "organisation"
    PLACE = "place"
    REASON = "reason"
    STEPS = "steps"
    YES_NO = "yes or no"
    DEFINITION = "definition"
    OTHER = "other"


# By kind, in Danish, Norwegian, Swedish, Dutch, Finnish, Hungarian, Italian, Portuguese, Romanian, Russian, Turkish, Greek, Arabic
# and Tamil, as far as the patterns below do not have them.
_IN_OTHER_LANGUAGES = {
    Kind.TIME: r"\b(?:hvad tid|hva tid|hvilken tid|hur dags|hoe laat|mihin aikaan|hány órakor|a che ora|a que horas|la ce oră|"
    r"во сколько|saat kaçta|τι ώρα)\b|في أي ساعة",
    Kind.DURATION: r"\b(?:hvor (?:længe|lenge|gammel)|hur (?:länge|gammal)|hoe ?(?:lang|oud)|(?:kuinka|miten) (?:kauan|vanha)|"
    r"meddig|mennyi ideig|hány éves|quanto tempo|quant[io] (?:giorni|mesi|anni|ore)|quantos? (?:dias|meses|anos)|quantas horas|"
    r"cât timp|câ[tț]i ani|как долго|сколько (?:времени|лет|дней|часов|месяцев)|kaç (?:yıl|gün|saat|ay|yaşında)|"
    r"πόσο καιρό|πόσ(?:ες|α) (?:ημέρες|μέρες|χρόνια|ώρες))\b|كم (?:من الوقت|يوما|سنة|ساعة)|எவ்வளவு (?:நேரம்|காலம்)",
    Kind.DATE: r"\b(?:hvornår|når|när|hvilket år|vilket år|i welk jaar|milloin|minä vuonna|mikor|melyik évben|in che anno|"
    r"em que ano|când|în ce an|когда|в каком году|ne zaman|hangi yıl(?:da)?|πότε|ποια χρονιά)\b|متى|எப்போது",
    Kind.REASON: r"\b(?:hvorfor|varför|miksi|miért|por que|porquê|почему|зачем|neden|niçin|γιατί)\b|^\W*de ce\b|لماذا|ஏன்|"
    r"なぜ|どうして",
    Kind.NUMBER: r"\b(?:hvor (?:mange|meget|mye|stor|høj|høy|dyr)|hur (?:många|mycket|stor|hög|dyr)|hoe (?:groot|hoog|duur)|"
    r"montako|paljonko|(?:kuinka|miten) (?:monta|paljon|suuri|korkea)|hány|mennyi|mekkora|cât[aă]?|câ[tț]i|câte|сколько|kaç|"
    r"ne kadar|πόσ(?:ο|α|οι|ες|ους|η))\b|^\W*كم\b|எத்தனை|எவ்வளவு",
    Kind.PERSON: r"\b(?:hvem|vem|kuka|kenen|kenelle|ketkä|kinek|кто|кого|кому|кем|kim(?:dir|in|ler)|ποι(?:ος|οι))\b|"
    r"^\W*(?:kik?|cine|cui|wie (?:is|was|zijn|waren|heeft|had|werd|schreef|won))\b|^\W*من (?!أين)|யார்",
    Kind.STEPS: r"\b(?:hvordan (?:kan|skal|gør|gjør) (?:jeg|man|vi)|hur (?:kan|ska|gör) (?:jag|man|vi)|"
    r"hoe (?:kan|moet|doe) (?:ik|je|men|we)|(?:miten|kuinka) (?:voin|voi|saan)|hogyan (?:lehet|kell|tud)|como (?:faço|posso)|"
    r"cum (?:pot|se|să)|как (?:мне|можно|нужно)|πώς (?:μπορώ|να))\b|كيف (?:أ|يمكن)|எப்படி",
}

_DURATIONS = (
    "duration|run ?time|notice|time (?:limit|span|lag)|half-life|lifespan|"
    "(?:incubation|notice|waiting|grace|trial|probation|warranty|retention) period|"
    "(?:mean|average|median|doubling|response|waiting|processing|delivery|lead) time"
)
_COUNTED = (
    "number|percentage|amount|price|prices|cost|costs|fee|fees|salary|wage|population|total|speed|rate|size|weight|height|"
    "length|"
    "width|depth|temperature|dose|dosage|score|accuracy|ratio|torque|age|sum|balance|intensity|capacity|sales|revenue|profit|"
    "concentration|level|count|strength|density|pressure|voltage|premium|discount|deposit|"
    "frequency|distance|area|budget|limit|threshold|speedup|tax|turnover|average|maximum|minimum|rent|penalty|charge|"
    "value|yield|income|money|debt|deficit|tuition|prevalence|incidence|wavelength|thickness|diameter|volume|altitude|elevation|"
    "humidity|attendance|turnout|enrol?lment|yardage|mileage|quantity|probability|likelihood|efficiency|temperatures|ages|wages|"
    "salaries|premiums|speeds|sizes|weights|heights|lengths|distances"
)
_ORGANISATIONS = (
    "company|companies|organi[sz]ations?|university|universities|agency|agencies|institutions?|institutes?|banks?|"
    "insurers?|firms?|"
    "manufacturers?|publishers?|employers?|schools?|colleges?|parties|clubs?|airlines?"
)
_PEOPLE = (
    "person|man|woman|boy|girl|child|son|daughter|wife|husband|mother|father|brother|sister|boyfriend|girlfriend|friend|president|"
    "director|manager|author|king|queen|leader|founder|singer|actor|actress|doctor|teacher|officer|minister|owner|captain|coach|"
    "judge|lawyer|attorney|witness|journalist|reporter|scientist|engineer|accountant|secretary|professor|governor|senator|pilot|"
    "chef|nurse|mayor|editor|referee|umpire|chair|chairman|chairwoman|superintendent|principal|ceo|cfo|cto|boss|signatory|"
    "player|driver|artist|writer|poet|painter|composer|philosopher|general|emperor|pope"
)
_PLACES = "city|cities|country|countries|towns?|villages?|continents?|county|counties|islands?"
_SITES = "location|address|venue|birthplace|whereabouts"
_INSTRUCTIONS = "commands?|flags?|options?|settings?|arguments?|environment variables?|parameters?|switch(?:es)?"
# What a question may be opened with that says nothing of what it asks for.
_COURTESY = lazy_pattern(
    r"^\W*(?:(?:please|kindly|bitte|hi|hello|hey)\b\W*)*(?:"
    r"(?:can|could|would|will) (?:you|someone|anyone|anybody) (?:please |kindly )?(?:tell|show|give|let|remind) (?:me|us)"
    r"(?: know)?|"
    r"(?:tell|give|show|remind) (?:me|us)|(?:do|does) (?:you|anyone|anybody|we) know|any idea|"
    r"i(?: (?:want|need|wish|would like)|['’]d like) to know|i need|i(?:['’]m| am) looking for|i(?:['’]m| am) wondering|i wonder|"
    r"(?:können|könnten) sie (?:mir|uns) (?:bitte )?sagen|(?:kannst|könntest) du (?:mir|uns) (?:bitte )?sagen|"
    r"sag(?:en sie|t)? (?:mir|uns)(?: bitte)?|weißt du|wissen sie|ich (?:möchte|will) wissen|"
    r"(?:pou(?:vez|rriez)-vous|peux-tu|pourrais-tu) (?:me|nous) dire|di(?:s|tes)-(?:moi|nous)|savez-vous|sais-tu|"
    r"je (?:veux|voudrais) savoir|(?:puede|podría)s? decir(?:me|nos)|d(?:i|íga)(?:me|nos)|sabes?|quiero saber"
    r")\b[\s,:]+(?:please\b\W*)?(?=\w)",
    re.IGNORECASE,
)
# Of those that begin at the same word the first counts.
_PATTERNS = tuple(
    f"(?P<{kind.name}>{pattern}|{_IN_OTHER_LANGUAGES[kind]})"
    if kind in _IN_OTHER_LANGUAGES
    else f"(?P<{kind.name}>{pattern})"
    for kind, pattern in (
        (Kind.EMAIL, r"\b(?:what|which|welche|quelle|cuál)\b.{0,60}\be-?mail(?:[- ]address|adresse)?\b"),
        (
            Kind.TIME,
            r"^.*\b(?:at )?(?:what|which) (?:time|hour)\b(?! (?:of|frame|period|span|limit|zone))|"
            r"\bum wie viel uhr\b|\bà quelle heure\b|\ba qué hora\b|几点|何時",
        ),
        (
            Kind.DURATION,
            rf"\bhow (?:long|old)\b|\bhow (?:many|much) (?:[\w-]+ )?(?:{_ENGLISH_UNITS_OF_TIME})\b|\bhow much (?:time|notice)\b|"
            rf"\bwie (?:lange|alt)\b|\b(?:wie viele|combien de|cuánt[oa]s?) (?:{UNITS_OF_TIME})\b|"
            r"\bcombien de temps\b|\bcuánt[oa]s? tiempo\b|"
            rf"\b(?:what|which) (?:(?:is|was) the (?:[\w-]+ ){{0,3}}?)?(?:{_DURATIONS})\b|"
            r"多久|多长时间",
        ),
        (
            Kind.DATE,
            r"^\W*(?:(?:and|but|so|by|since|until)\b\W*)*when\b|"
            r"^(?!.*\b(?:what|which|who|whom|whose|where|why|how)\b.*\bwhen\b).*\bwhen (?:did|does|do|is|was|were|will|"
            r"are|has|have)\b|\b(?:in |on |by |from )?(?:what|which) (?:dates?|days?|years?|months?|week|"
            r"weekend|century|centuries|decades?|season|time (?:frame|period))\b|\b(?:until|since|by|from) when\b|"
            r"^(?!.*\b(?:what|which|who|whom|whose|where|why|how)\b).*\bwhen\W*$|"
            r"\bwhat(?:['’]s| is| was| are| were) (?:the |[\w.-]+['’]s? )(?:[\w'’-]+ ){0,3}(?:date|deadline|(?:year|day)"
            rf"(?! (?:[\w-]+ ){{0,4}}(?:{_COUNTED})))\b|"
            r"\b(?:letzte[rn]?|erste[rn]?) (?:tag|termin)\b|"
            r"\bwann\b|\bquand\b|\bcuándo\b|"
            r"\bquando\b|"
            r"\bwanneer\b|\bwelche[nms]? (?:jahr|datum|tag)\b|\bquelle (?:date|année)\b|\bqué (?:año|fecha)\b|"
            r"什么时候|何时|哪一?年|いつ",
        ),
        (
            Kind.REASON,
            r"\bwhy\b|\bhow come\b|\bwhat (?:caused?|causes|made|makes|led to|reasons?|"
            r"(?:is|was|are|were) (?:the )?(?:[\w-]+ )?(?:cause|reason)s?)\b|"
            r"\bwarum\b|\bweshalb\b|\bpourquoi\b|"
            r"\bpor qué\b|"
            r"\bperch[eé]\b|\bwaarom\b|为什么",
        ),
        (
            Kind.CODE,
            r"\bwhat(?:['’]s| is| was) (?:[\w'’-]+ ){0,4}(?:phone|telephone|fax|order|account|invoice|booking|"
            r"reservation|confirmation|ticket|receipt|transaction|customer|employee|contract|serial|model|part|tax|"
            r"vat|case|"
            r"version|member|policy|reference|tracking|license|licence|registration|docket|patent|id) (?:number|code|id)\b|"
            r"\bphone number\b|\btelefonnummer\b|\bnuméro de téléphone\b",
        ),
        (
            Kind.NUMBER,
            r"\bhow (?:many|much|far|fast|tall|high|big|large|heavy|deep|wide|thick|steep|strong|loud|"
            r"dense|hot|warm|cold|expensive|accurate)\b|"
            r"\bwhat (?:percent(?:age)?|proportion|number|amount|price)\b|"
            rf"\b(?:what(?:['’]s| is| was| are| were) (?:the |[\w.'’-]+ |[\w-]+['’]s? )(?:[\w'’-]+ ){{0,3}}|"
            rf"(?:at |to |by )?what (?:(?!\w+[^\Ws]s )[\w-]+ )?)(?:{_COUNTED})\b|"
            rf"\bwie ?viele?\b|\bwie (?:hoch|groß|schnell|weit|schwer|"
            rf"teuer)\b|"
            r"\bwhat (?:did|does|do|would|will|is|was) .{1,80}\b(?:costs?|weigh|priced|earn)\b|\bcombien\b|"
            r"\bcuánt[oa]s?\b|\bquant[oaie]s?\b|\bhoeveel\b|"
            r"\b(?:welche[rnms]?|wie lautet (?:der|die|das)) (?:\w*betrag|preis|anzahl|summe|temperatur)\b|"
            r"\bquel(?:le)? (?:somme|(?:est |était )?(?:le |la )?"
            r"(?:montant|prix|nombre|taux|pourcentage|solde|total|coût|loyer|salaire))\b|"
            r"\b(?:qué|cuál es (?:el|la)) (?:cantidad|precio|importe|porcentaje|suma)\b|"
            r"\bqual (?:è|era) (?:il |l['’])(?:prezzo|importo|totale|numero)\b|多少|几[个天年次名]|いくつ|いくら",
        ),
        (
            Kind.ORGANISATION,
            rf"\b(?:at |for |by |from |to )?(?:which|what) (?:[\w-]+ ){{0,2}}?(?:{_ORGANISATIONS})\b|"
            rf"\bnames? of (?:[\w'’-]+ ){{0,4}}(?:{_ORGANISATIONS})\b(?! (?:[\w'’-]+ ){{0,2}}(?:{_PEOPLE})\b)|"
            r"\bwelche[srmn]? (?:firma|unternehmen|universität)\b|\bquelle (?:entreprise|université)\b|\bqué (?:empresa|"
            r"universidad)\b",
        ),
        (
            Kind.PLACE,
            rf"^\W*(?:where|wo|où|dónde|dove|waar|onde)\b|\b(?:in |to |from |on )?(?:which|what) (?:[\w-]+ )?(?:{_PLACES})\b|"
            rf"\bwhat(?:['’]s| is| was) the (?:[\w-]+ )?(?:{_SITES}) (?:of|for|where)\b|"
            r"\bwelche[rmn] (?:stadt|land)\b|\b(?:quelle ville|quel pays|quel continent)\b|\bqué (?:ciudad|país)\b",
        ),
        (
            Kind.PERSON,
            rf"\bnames? of (?:[\w'’-]+ ){{0,4}}(?:{_PEOPLE})s?\b|"
            rf"\bwhat(?:['’]s| is| are| was| were) the (?:[\w-]+ )?(?:{_PEOPLE})s?['’]?s? names?\b|"
            rf"\b(?:which|what) (?:[\w-]+ )?(?:{_PEOPLE})s?\b|"
            r"\bquel(?:le)?s? (?:est|sont|était|étaient) (?:l['’]|la |le |les )(?:nom (?:de |du |des ))?"
            r"(?:auteur|direct(?:eur|rice)|président|ministre|maire|chef|fondat|respons)\w*|"
            r"\bwie hei(?:ß|ss)(?:t|en) (?:der|die) (?:autor|direktor|präsident|minister|bürgermeister|chef|gründer|leiter)\w*|"
            r"\bcómo se llaman? (?:el|la|los|las) (?:autor|direct|presiden|ministr|alcald|fundador)\w*|"
            r"^(?:\W|\b(?:and|but|so|then|or)\b)*(?:who|whom|whose)\b|\b(?:by|to|with|from|for) whom\b|"
            r"\bwho (?:is|was|are|were|did|does|has|had)\b|^\W*(?:von )?(?:wer|wen|wem|wessen)\b|"
            r"^\W*(?:par |à |de |avec )?qui\b|\bqui[eé]n(?:es)?\b|^\W*(?:di |da )?chi\b|^\W*(?:por )?quem\b|谁|誰|だれ",
        ),
        (
            Kind.STEPS,
            r"\bhow (?:do|can|could|should|would|must) (?:i|you|we|one|users?|someone|people)\b|\bhow to\b|"
            rf"\b(?:with |by )?(?:what|which) (?:(?:is|are) the )?(?:[\w-]+ )?(?:{_INSTRUCTIONS})\b|"
            rf"\bwhat(?:['’]s| is| are) the (?:[\w-]+ )?(?:way|procedure|process|steps|syntax) (?:to|for|of)\b|"
            r"\bwie (?:kann|muss|soll|macht|geht|installiere|entferne) (?:ich|man|wir)\b|"
            r"\b(?:mit )?welche[mnrs]? befehl\b|^\W*comment (?!s['’]appel)|"
            r"\bquelle commande\b|^\W*cómo\b(?! se llama)|^\W*come (?:si|posso)\b|如何|怎么",
        ),
        (
            Kind.DEFINITION,
            r"^\W*what(?:'s| is| are| was| were) (?:an? |the )?[\w'’.+#-]+(?: [\w'’.+#-]+){0,3} ?\??\s*$|^\W*(?:define|explain)\b|"
            r"\bwhat do(?:es)? .{1,60} (?:mean|stand for|refer to)\b|"
            r"\bhow (?:is|are|was|were) .{1,60} defined\b|\bmeaning of\b|\b(?:definition|what is meant)\b|"
            r"^\W*(?:was ist|was sind|qu'est-ce qu|qué (?:es|son)|che cos)|"
            r"^\W*(?:comment s['’]appel|wie (?:hei(?:ß|ss)|nennt man)|cómo se llama|come si chiama|hoe heet)",
        ),
        (
            Kind.YES_NO,
            r"^\W*(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|may|might|must|darf|kann|ist|"
            r"sind|est-ce)\b",
        ),
    )
)
_ASKED = lazy_pattern("|".join(_PATTERNS), re.IGNORECASE)


@cached_by_question
def kind_asked(question: str) -> Kind:
    """What a question asks for; OTHER where its words do not say. The first question word decides."""
    match = _ASKED.search(_COURTESY.sub("", question))
    return Kind[match.lastgroup] if match and match.lastgroup else Kind.OTHER


_MAIL = lazy_pattern(
    r"\b(?:e-?mails?|mails?|sent|send(?:er)?|subject|recipients?|received|cc|addressed|wrote|message|written)\b",
    re.IGNORECASE,
)
_AUTHOR = lazy_pattern(
    r"\b(?:wr[io]te|written|writes|authors?|authored|co-authors?|published|affiliat\w+|universit\w+|institutions?|employ\w+|"
    r"écrit\w*|auteurs?|geschrieben|verfasst|autor\w*|escrib\w+|escrito|scritto|autore|autori)\b",
    re.IGNORECASE,
)


@cached_by_question
def asks_about_mail(question: str) -> bool:
    """Whether a question may ask who sent a mail, to whom, when or about what."""
    return bool(_MAIL.search(question))


@cached_by_question
def asks_for_author(question: str) -> bool:
    """Whether a question may ask who wrote a text, or where they work."""
    return kind_asked(question) in (Kind.PERSON, Kind.ORGANISATION, Kind.PLACE) and bool(_AUTHOR.search(question))
