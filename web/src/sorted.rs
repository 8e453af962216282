//! Sorting by text, in one piece of code for everything that is sorted: each kind of its own would cost the page 4 KB.

/// The items, ordered by their keys.
pub(crate) fn sorted<T>(items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let mut places: Vec<(String, usize)> =
        items.iter().enumerate().map(|(place, item)| (key(item), place)).collect();
    places.sort_unstable();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    places.into_iter().filter_map(|(_, place)| items.get_mut(place)?.take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_stay_in_order() {
        let items = vec![("b", 1), ("a", 2), ("b", 3), ("a", 4)];
        let ordered = sorted(items, |(name, _)| (*name).to_owned());
        assert_eq!(ordered, [("a", 2), ("a", 4), ("b", 1), ("b", 3)]);
    }
}
