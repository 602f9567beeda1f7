"""The limits at which a signal sounds, chosen by `python -m benchmarks.drift`; see reliability.md.

Windows count films, not days, so that a limit means the same at a small site and a large one.
"""

REFERENCE_FILMS = 500  # the site's own first ones under one network and cutoff
RECENT_FILMS = 200
DISTANCE = 0.18  # Kolmogorov-Smirnov, of the recent films to the reference

# A CUSUM is tuned to a change of the odds by this factor, and sounds above its level. A reference
# is a sample itself: a share is usual up to a margin of so many standard errors from its own.
MARGIN = 1.5
POSITIVE_ODDS = 2.0
POSITIVE_LEVEL = 8.0
REFUSED_MARGIN = 2.0
REFUSED_ODDS = 4.0
REFUSED_LEVEL = 12.0
RAREST_REFUSAL = 0.01  # a code that the reference hardly holds is taken to be as common as this
USUAL_REFUSAL = 0.05  # only a code as common as this can become rarer
REFERENCE_REVIEWS = 150  # of positives
CONFIRMED_ODDS = 2.0
CONFIRMED_LEVEL = 9.0

# Too few films: less than this share of the median of the same weekday or of the median week, where
# chance (a Poisson process with that median) would hardly ever bring so few.
DAY_SHARE = 1 / 3
WEEK_SHARE = 0.65
CHANCE = 5e-5
WEEKS = 8  # that medians are taken of
FEWEST_WEEKS = 4
