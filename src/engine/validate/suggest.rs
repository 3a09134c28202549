//! Guesses what somebody meant.

/// The candidate that is most like a word, if any is like it.
pub(in crate::engine) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Words longer than any candidate by far can't be meant, and their distance takes long to compute.
    let word = word.get(..word.len().min(80)).unwrap_or_default().to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The same as the words of a suggestion.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean {candidate:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_slips_are_recognised_and_other_words_are_not() {
        let fields = ["controllerName", "description", "parametersRef", "mode"];
        for (word, meant) in [
            ("controlerName", Some("controllerName")),
            ("ControllerName", Some("controllerName")),
            ("controller_name", Some("controllerName")),
            ("descripton", Some("description")),
            ("paramtersRef", Some("parametersRef")),
            ("dome", None),
            ("mdoe", Some("mode")),
            ("replicas", None),
            ("", None),
        ] {
            assert_eq!(closest(word, fields), meant, "{word}");
        }
        assert_eq!(closest(&"é".repeat(10_000), fields), None);
    }
}
