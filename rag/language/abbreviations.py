"""Words whose full stop ends no sentence, by language, and the words that tell a new sentence behind doubtful ones."""

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Abbreviations:
    """All in lower case, without the last full stop.

    open: followed by more of the sentence, whatever comes next.
    either: often end a sentence too; then one of ``starters`` follows.
    ordinals: whether a number and a full stop are an ordinal ("am 3. Oktober").
    """

    open: frozenset[str]
    either: frozenset[str]
    starters: frozenset[str]
    ordinals: bool = False


_OPEN = {
    "en": "mr mrs ms messrs mme dr prof st lt gen col cpt capt cmdr adm maj sgt cpl pvt rep sen gov pres amb hon "
    "rev fr sr sra supt insp e.g i.e eg ie viz cf vs v fig figs eq eqs ref refs sec no nos vol vols p pp ch "
    "art par ed eds trans approx ca c al est resp mt ft dept univ assn bros tel ext",
    "de": "dr prof hr hrn fr nr nrn abs art abb bd bde kap s ca bzw vgl sog evtl ggf inkl exkl zzgl bspw insb tel str "
    "st geb gest verh jh hrsg aufl anm z.b d.h u.a v.a z.t i.d.r o.g u.u i.a z.zt m.e d.i dipl ing hl max min "
    "mind tsd mio mrd eur rn ziff vors urspr",
    "fr": "m mm mme mmes mlle mlles dr pr me mgr st ste p pp art chap fig vol t no n env av apr cf ex p.ex c.-à-d "
    "éd réf tél hab bd",
    "es": "sr sra srta sres dr dra d dña prof lic ing art cap fig pág págs p pp vol núm n aprox ej p.ej tel av avda "
    "ed gral ee",
    "it": "sig sig.ra sigg dott dott.ssa prof prof.ssa ing avv on art artt cap fig pag pagg p pp vol n nn ca es "
    "p.es tel ed cfr s",
    "pt": "sr sra srs dr dra prof eng art cap fig pág págs p pp vol n nº aprox ex p.ex tel av ed d cf",
    "nl": "dhr mevr mw dr drs prof ir ing mr st blz p pp nr nrs art fig hfdst ca bijv bv d.w.z i.p.v t.o.v m.b.t "
    "o.a resp tel incl excl",
    "ru": "г гг т п пп ст с стр рис табл ул пр д им проф акад др тов св о р н в т.е т.к т.н т.о напр ср см млн млрд "
    "тыс руб коп кв",
    "sv": "dr prof nr s sid kap art fig ca t.ex bl.a d.v.s dvs s.k fr.o.m t.o.m resp jfr tel inkl exkl",
    "da": "dr prof nr s kap art fig ca f.eks bl.a dvs d.v.s s.k jf tlf inkl ekskl hr fr skt",
    "no": "dr prof nr s kap art fig ca f.eks bl.a dvs d.v.s s.k jf tlf inkl ekskl hr fr",
}
_EITHER = {
    "en": "etc inc ltd co corp llc plc jr a.m p.m am pm jan feb mar apr jun jul aug sep sept oct nov dec mon tue "
    "tues wed thu thur thurs fri sat sun u.s u.k u.n e.u d.c u.s.a ph.d b.c a.d",
    "de": "usw etc u.s.w u.ä o.ä usf a.g jan feb mär apr jun jul aug sep sept okt nov dez v.chr n.chr uhr",
    "fr": "etc janv févr avr juil sept oct nov déc av.j.-c apr.j.-c",
    "es": "etc ene feb mar abr may jun jul ago sep sept oct nov dic a.c d.c s.a s.l ud uds ee.uu",
    "it": "ecc gen feb mar apr mag giu lug ago set ott nov dic a.c d.c s.p.a s.r.l",
    "pt": "etc jan fev mar abr mai jun jul ago set out nov dez a.c d.c s.a ltda",
    "nl": "enz etc jan feb mrt apr jun jul aug sep sept okt nov dec n.chr v.chr b.v n.v",
    "ru": "др пр т.д т.п н.э гг",
}
_STARTERS = {
    "en": "the a an this that these those it its he she they we you i his her their our my in on at as by for from "
    "with after before since when while if although though however but and or so then there here what who why "
    "how where which one some many most all both each no not only also yet still today meanwhile according "
    "during despite",
    "de": "der die das ein eine einen einem er sie es wir ich ihr in im am an auf bei mit nach von vor zu zur zum "
    "seit wenn als während obwohl aber und oder dann da dort hier was wer warum wie wo diese dieser dieses "
    "jede jeder alle auch noch nur doch außerdem deshalb danach daher dabei damit sein seine ihre für durch "
    "gegen ohne um nun heute",
    "fr": "le la les un une des il elle ils elles nous vous on ce cet cette ces son sa ses leur en dans au aux à "
    "pour par avec après avant depuis quand si mais et ou alors ainsi puis cependant toutefois selon "
    "aujourd'hui de du",
    "es": "el la los las un una unos unas él ella ellos nosotros se su sus este esta estos en de a al por para con "
    "después antes desde cuando si aunque pero y o entonces así según hoy también no",
    "it": "il lo la i gli le un una egli lui lei loro noi si suo sua questo questa in di a al per con dopo prima da "
    "quando se ma e o allora così secondo oggi anche non",
    "pt": "o a os as um uma ele ela eles nós se seu sua este esta em no na de do da por para com depois antes desde "
    "quando mas e ou então assim segundo hoje também não",
    "nl": "de het een hij zij ze wij we ik dit dat deze die zijn haar hun in op aan bij met na van voor uit sinds "
    "toen als maar en of dan daar hier ook nog niet volgens vandaag",
    "ru": "он она они мы я это этот эта эти в на с из к по за от до после перед когда если но и а или затем так "
    "поэтому однако также согласно сегодня его её их",
}
_ORDINALS = frozenset({"de", "da", "no", "fi", "hu"})


@cache
def abbreviations(language: str) -> Abbreviations:
    """Those of a language: each kind for which there is no list is as in English."""
    open_, either, starters = (
        frozenset(lists.get(language, lists["en"]).split()) for lists in (_OPEN, _EITHER, _STARTERS)
    )
    return Abbreviations(open_, either, starters, language in _ORDINALS)
