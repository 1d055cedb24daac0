"""Pattern files as large as an analyst's: about 4,700 keywords of all four types, 200 regular expressions."""

import random
from pathlib import Path

from console.demo.posts import NAMES_FOLDER
from patterns.files import read_pattern_file

KEYWORDS = 4_700
RULES = 200
_SEED = 4_700

_HAN = "阿安白柏邦寶碧斌采彩昌辰晨誠池春翠達丹道德迪典東冬端朵恩凡芳飛菲芬豐峰鳳芙福富剛歌耿恭冠光廣桂國海涵漢"
_CONSONANTS, _VOWELS = "bdfghjklmnprstvwy", "aeiou"
_SUBJECTS = ("我", "我們", "my", "our", "當", "去當", "身為", "as a", "i am a", "家裡的")
_NOUNS = ("老公", "老婆", "husband", "wife", "媽媽", "爸爸", "mother", "姐姐", "兵", "女兒", "兒子", "soldier", "bride")
_TAILS = ("", "(說|覺得|也)", ".{0,6}(很|好)", r"\s*(said|loved|agree)", "[們也都]?", r"\d{1,3}")


def write_patterns(folder: Path) -> None:
    """Write all pattern files, for author_name and for content."""
    rng = random.Random(_SEED)
    words = [f"{subject}{noun}\tpartially\n" for subject in _SUBJECTS for noun in _NOUNS]
    for number, label in enumerate(("female", "male")):
        keywords = _name_keywords(label) | _generated_keywords(rng, KEYWORDS // 2)
        lines = [f"{keyword}\t{match_type}\n" for keyword, match_type in list(keywords.items())[: KEYWORDS // 2]]
        _write(folder / "keyword_model" / label / "author_name.txt", lines)
        own_words = words[number::2]
        _write(folder / "keyword_model" / label / "content.txt", own_words + lines[len(own_words) :])
    rules = sorted({f"{s}.?{n}{t}" for s in _SUBJECTS for n in _NOUNS for t in _TAILS})
    rng.shuffle(rules)
    for number, label in enumerate(("female", "male")):
        part = rules[number * RULES // 2 : (number + 1) * RULES // 2]
        _write(folder / "rule_model" / label / "content.txt", [f"{rule}\n" for rule in part])


def _name_keywords(label: str) -> dict[str, str]:
    patterns, _ = read_pattern_file(NAMES_FOLDER / f"{label}.txt", "keyword_model")
    return {pattern.text: pattern.match_type for pattern in patterns}


def _generated_keywords(rng: random.Random, count: int) -> dict[str, str]:
    """Names that hardly any author has, so that they do not change the share of posts that match."""
    keywords: dict[str, str] = {}
    while len(keywords) < count:
        if rng.random() < 0.6:
            keyword = "".join(rng.choices(_HAN, k=rng.choice((2, 3))))
        else:
            keyword = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice((3, 4))))
        keywords[keyword] = rng.choice(("partially", "exactly", "start", "end"))
    return keywords


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
