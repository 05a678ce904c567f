//! Country codes, as ISO 3166-1 has them.

/// The 20 most populous countries.
pub(super) const POPULOUS: &str = "CN IN US ID BR PK NG BD RU JP MX PH VN ET EG DE IR TR CD FR";

/// The 194 countries that have a flag on the sites.
pub(crate) const ALL: &str = "\
AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG \
CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM \
GN GQ GR GT GW GY HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA \
LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MR MT MU MV MW MX MY MZ NA NE NG NI \
NL NO NP NR NZ OM PA PE PG PH PK PL PT PW PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO \
SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VN VU WS YE ZA \
ZM ZW";

/// Every pair of letters, AA to ZZ.
pub(super) fn every() -> impl Iterator<Item = String> {
    ('A'..='Z').flat_map(starting_with)
}

/// Every pair that begins with the letter.
pub(super) fn starting_with(first: char) -> impl Iterator<Item = String> {
    ('A'..='Z').map(move |second| format!("{first}{second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are() {
        assert_eq!(ALL.split(' ').count(), 194);
        assert!(ALL.split(' ').is_sorted());
        assert_eq!(POPULOUS.split(' ').count(), 20);
        assert_eq!(every().count(), 676);
    }
}
