"""The limits at which a signal is raised, chosen by `python -m benchmarks.drift`.

docs/reliability.md has the figures. Windows count films, not days, so that a limit means the same
at small and large sites.
"""

REFERENCE_FILMS = 500  # the site's first films under one network and cutoff
RECENT_FILMS = 200
DISTANCE = 0.18  # Kolmogorov-Smirnov distance between the recent films and the reference

# A CUSUM is tuned to this change of the odds, and raises its signal above this level. A reference
# is a sample itself, so the reference share is shifted by this number of standard errors.
MARGIN = 1.5
POSITIVE_ODDS = 2.0
POSITIVE_LEVEL = 8.0
REFUSED_MARGIN = 2.0
REFUSED_ODDS = 4.0
REFUSED_LEVEL = 12.0
RAREST_REFUSAL = 0.01  # lower bound for the share of a code in the reference
USUAL_REFUSAL = 0.05  # only a code with at least this share can become rarer
REFERENCE_REVIEWS = 150  # share of positives
CONFIRMED_ODDS = 2.0
CONFIRMED_LEVEL = 9.0

# Too few films: less than this share of the median (of the same weekday, or of the weeks), and a
# count that is very unlikely by chance (Poisson with that median).
DAY_SHARE = 1 / 3
WEEK_SHARE = 0.65
CHANCE = 5e-5
WEEKS = 8  # weeks that medians are taken from
FEWEST_WEEKS = 4
