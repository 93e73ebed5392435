//! Rows in which any two values of two dimensions meet.

use std::collections::BTreeSet;

/// Two values: dimension and value of either, the earlier dimension first.
type Pair = ((usize, usize), (usize, usize));

/// Rows of one value per dimension, so that every two values of two dimensions stand together in at
/// least one row; `sizes` says how many values each dimension has. The same sizes give the same rows.
///
/// Greedy: a row starts with a pair that is still missing, and each other dimension takes the value
/// that completes most missing pairs; of equals, the one that was taken least so far.
pub fn all_pairs(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut missing: BTreeSet<Pair> = BTreeSet::new();
    for (second, &count) in sizes.iter().enumerate() {
        for (first, &earlier) in sizes[..second].iter().enumerate() {
            missing.extend(
                (0..earlier).flat_map(|a| (0..count).map(move |b| ((first, a), (second, b)))),
            );
        }
    }
    let mut taken: Vec<Vec<usize>> = sizes.iter().map(|size| vec![0; *size]).collect();
    let mut rows = Vec::new();
    while let Some(&(one, other)) = missing.first() {
        let mut row: Vec<Option<usize>> = vec![None; sizes.len()];
        row[one.0] = Some(one.1);
        row[other.0] = Some(other.1);
        for dimension in 0..sizes.len() {
            if row[dimension].is_some() {
                continue;
            }
            let gain = |value: usize| {
                let others = row.iter().enumerate();
                others
                    .filter_map(|(at, other)| Some(pair((at, (*other)?), (dimension, value))))
                    .filter(|pair| missing.contains(pair))
                    .count()
            };
            // What all rows have in common would keep scenarios from everything that it excludes.
            let rarity = |value: usize| std::cmp::Reverse(taken[dimension][value]);
            row[dimension] =
                (0..sizes[dimension]).max_by_key(|value| (gain(*value), rarity(*value)));
        }
        let row: Vec<usize> = row.into_iter().map(Option::unwrap_or_default).collect();
        for (at, value) in row.iter().enumerate() {
            taken[at][*value] += 1;
            for (before, earlier) in row[..at].iter().enumerate() {
                missing.remove(&((before, *earlier), (at, *value)));
            }
        }
        rows.push(row);
    }
    rows
}

fn pair(one: (usize, usize), other: (usize, usize)) -> Pair {
    if one.0 < other.0 {
        (one, other)
    } else {
        (other, one)
    }
}

#[cfg(test)]
mod tests {
    use super::all_pairs;

    #[test]
    fn any_two_values_meet() {
        let sizes = [4, 2, 3, 3, 1, 2, 5];
        let rows = all_pairs(&sizes);
        assert_eq!(rows, all_pairs(&sizes));
        for (a, &many) in sizes.iter().enumerate() {
            for (b, &more) in sizes.iter().enumerate().skip(a + 1) {
                for x in 0..many {
                    for y in 0..more {
                        assert!(rows.iter().any(|row| row[a] == x && row[b] == y));
                    }
                }
            }
        }
        // The two largest dimensions alone need 20.
        assert!((20..=32).contains(&rows.len()), "{}", rows.len());
    }

    #[test]
    fn no_value_is_in_most_rows_for_want_of_a_better() {
        let mut sizes = vec![2; 40];
        sizes.extend([6, 4, 4]);
        let rows = all_pairs(&sizes);
        for at in 0..40 {
            let seconds = rows.iter().filter(|row| row[at] == 1).count();
            let share = seconds as f64 / rows.len() as f64;
            assert!(
                (0.3..=0.7).contains(&share),
                "{at}: {seconds} of {}",
                rows.len()
            );
        }
    }

    #[test]
    fn no_pairs_without_two_dimensions() {
        assert!(all_pairs(&[3]).is_empty());
        assert!(all_pairs(&[]).is_empty());
    }
}
