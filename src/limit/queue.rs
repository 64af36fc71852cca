//! A queue that is fair between clients: they take turns, and within a client the first comes first. No client can keep the others
//! out, however many requests it sends: it has one turn in a round, and at most half of the places.

use std::collections::{BTreeMap, HashMap};

/// A bounded queue of `T`s that belong to clients. Every operation takes logarithmic time.
#[derive(Debug)]
pub struct FairQueue<T> {
    size: usize,
    len: usize,
    /// The clients that have something in the queue.
    lines: HashMap<u64, Line<T>>,
    /// The same clients by whose turn it is.
    turns: BTreeMap<u64, u64>,
    /// Numbers turns and places, each once.
    next: u64,
}

/// What one client has in the queue.
#[derive(Debug)]
struct Line<T> {
    turn: u64,
    /// By number of their places, which rise.
    items: BTreeMap<u64, T>,
}

/// Where something stands in a queue. Good for that queue, and until it has left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    client: u64,
    number: u64,
}

impl<T> FairQueue<T> {
    /// Room for `size`.
    pub fn new(size: usize) -> Self {
        Self { size, len: 0, lines: HashMap::new(), turns: BTreeMap::new(), next: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Changes the size. What is in the queue stays, even if it is more.
    pub fn set_size(&mut self, size: usize) {
        self.size = size;
    }

    /// Adds something of a client behind what it has in the queue; a client that has nothing gets its turn after all others.
    /// Gives it back if the queue is full, or the client has half of its places (of a single one, that).
    pub fn push(&mut self, client: u64, item: T) -> Result<Place, T> {
        let most = (self.size / 2).max(1);
        let has = self.lines.get(&client).map_or(0, |line| line.items.len());
        if self.len >= self.size || has >= most {
            return Err(item);
        }
        let number = self.number();
        let line = self.lines.entry(client).or_insert_with(|| {
            self.turns.insert(number, client);
            Line { turn: number, items: BTreeMap::new() }
        });
        line.items.insert(number, item);
        self.len += 1;
        Ok(Place { client, number })
    }

    /// What comes next.
    pub fn front(&self) -> Option<&T> {
        let (_, client) = self.turns.first_key_value()?;
        let (_, item) = self.lines.get(client)?.items.first_key_value()?;
        Some(item)
    }

    /// Takes out what comes next. Its client's next turn is after all others'.
    pub fn pop(&mut self) -> Option<T> {
        let (_, client) = self.turns.pop_first()?;
        let turn = self.number();
        let line = self.lines.get_mut(&client)?;
        let (_, item) = line.items.pop_first()?;
        self.len -= 1;
        if line.items.is_empty() {
            self.lines.remove(&client);
        } else {
            line.turn = turn;
            self.turns.insert(turn, client);
        }
        Some(item)
    }

    /// Takes out what stands at a place; `None` if it has left the queue already.
    pub fn cancel(&mut self, place: Place) -> Option<T> {
        let line = self.lines.get_mut(&place.client)?;
        let item = line.items.remove(&place.number)?;
        self.len -= 1;
        if line.items.is_empty() {
            self.turns.remove(&line.turn);
            self.lines.remove(&place.client);
        }
        Some(item)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn clients_take_turns_and_the_first_comes_first() {
        let mut queue = FairQueue::new(20);
        for item in ["a1", "a2", "a3", "a4", "b1", "c1", "c2"] {
            queue.push(item.as_bytes()[0].into(), item).unwrap();
        }
        assert_eq!(queue.front(), Some(&"a1"));
        assert_eq!(queue.pop(), Some("a1"));
        // A new client comes after those that wait, a has had its turn.
        queue.push(100, "d1").unwrap();
        assert_eq!(drain(&mut queue), ["b1", "c1", "a2", "d1", "c2", "a3", "a4"]);
        assert_eq!((queue.front(), queue.len()), (None, 0));
    }

    #[test]
    fn one_client_has_at_most_half_of_the_places() {
        let mut queue = FairQueue::new(5);
        assert!(queue.push(1, 'a').is_ok());
        assert!(queue.push(1, 'b').is_ok());
        assert_eq!(queue.push(1, 'c'), Err('c'));
        for client in 2..5 {
            assert!(queue.push(client, 'x').is_ok());
        }
        assert_eq!(queue.push(5, 'y'), Err('y'));
        queue.set_size(7);
        assert!(queue.push(1, 'c').is_ok());
        queue.set_size(0);
        assert_eq!(queue.push(6, 'y'), Err('y'));
        assert_eq!(queue.len(), 6);
        let mut single = FairQueue::new(1);
        assert!(single.push(1, 'a').is_ok());
        assert_eq!(single.push(2, 'b'), Err('b'));
    }

    #[test]
    fn who_leaves_is_gone_at_once() {
        let mut queue = FairQueue::new(10);
        let places: Vec<Place> = (0..4).map(|item| queue.push(item % 2, item).unwrap()).collect();
        assert_eq!(queue.cancel(places[0]), Some(0));
        assert_eq!(queue.cancel(places[0]), None);
        // Client 0 keeps its turn.
        assert_eq!(queue.front(), Some(&2));
        assert_eq!(queue.cancel(places[2]), Some(2));
        assert_eq!((queue.front(), queue.len()), (Some(&1), 2));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.cancel(places[1]), None);
        assert_eq!(drain(&mut queue), [3]);
        assert!(queue.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Pop,
        Cancel(usize),
    }

    proptest! {
        /// Against a plain list: whose turn is longest ago, and of theirs the first.
        #[test]
        fn agrees_with_a_list(
            size in 1..12_usize,
            steps in proptest::collection::vec(
                prop_oneof![3 => (0..5_u64).prop_map(Step::Push), 2 => Just(Step::Pop), 1 => any::<usize>().prop_map(Step::Cancel)],
                0..200,
            ),
        ) {
            let mut queue = FairQueue::new(size);
            // Client, number and place of each; clients by turn.
            let (mut list, mut turns): (Vec<(u64, usize, Place)>, Vec<u64>) = (Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(client) => {
                        let has = list.iter().filter(|(of, ..)| *of == client).count();
                        let fits = list.len() < size && has < (size / 2).max(1);
                        let place = queue.push(client, number);
                        prop_assert_eq!(place.is_ok(), fits);
                        if let Ok(place) = place {
                            list.push((client, number, place));
                            if has == 0 {
                                turns.push(client);
                            }
                        }
                    }
                    Step::Pop => {
                        let next = (!turns.is_empty()).then(|| turns.remove(0));
                        let at = next.and_then(|client| list.iter().position(|(of, ..)| *of == client));
                        let expected = at.map(|at| list.remove(at));
                        prop_assert_eq!(queue.pop(), expected.map(|(_, number, _)| number));
                        if let Some(client) = next && list.iter().any(|(of, ..)| *of == client) {
                            turns.push(client);
                        }
                    }
                    Step::Cancel(which) => if let Some(which) = which.checked_rem(list.len()) {
                        let (client, number, place) = list.remove(which);
                        prop_assert_eq!(queue.cancel(place), Some(number));
                        prop_assert_eq!(queue.cancel(place), None);
                        if list.iter().all(|(of, ..)| *of != client) {
                            turns.retain(|of| *of != client);
                        }
                    },
                }
                prop_assert_eq!(queue.len(), list.len());
                let front = turns.first().and_then(|client| list.iter().find(|(of, ..)| of == client));
                prop_assert_eq!(queue.front().copied(), front.map(|(_, number, _)| *number));
            }
        }
    }
}
