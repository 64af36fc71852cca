//! The budgets of a configuration: which hold for a request, and what is reserved of them for an attempt.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::live::Live;
use super::settings;
use super::target::Target;
use crate::config::{self, Config};
use crate::limit::{self, BudgetView, Exceeded, Reservation};
use crate::price::{Book, Currency};

/// A budget and whose it is.
pub struct BudgetEntry {
    pub name: String,
    pub currency: Currency,
    pub budget: Arc<limit::Budget>,
    provider: Option<String>,
    model: Option<String>,
    tag: Option<String>,
    settings: limit::BudgetSettings,
}

/// Who spends, and on what.
#[derive(Clone, Copy)]
pub struct Spender<'a> {
    /// Empty where clients have no names.
    pub client: &'a str,
    /// As the client names it.
    pub model: &'a str,
    /// Whether it is marked with this tag.
    pub has_tag: &'a dyn Fn(&str) -> bool,
    /// An estimate of the prompt's tokens, and the longest answer.
    pub tokens: (u64, u64),
}

/// What an attempt may cost, held back of every budget that fits. Most attempts have one budget or none.
#[derive(Default)]
pub struct Reserved(SmallVec<[(Arc<BudgetEntry>, Reservation); 1]>);

/// All budgets.
pub struct Budgets {
    by_client: HashMap<String, Vec<Arc<BudgetEntry>>>,
    /// Of any client.
    others: Vec<Arc<BudgetEntry>>,
}

impl Budgets {
    pub(super) fn new(config: &Config, live: &Live) -> Self {
        let mut budgets = Self { by_client: HashMap::new(), others: Vec::new() };
        for client in &config.clients {
            if let Some(budget) = &client.budget {
                let name = format!("client.{}", client.name);
                let entry = BudgetEntry::new(name, budget, [None, None, None], live);
                budgets.by_client.entry(client.name.clone()).or_default().push(entry);
            }
        }
        for scoped in &config.budgets {
            let scope = [&scoped.provider, &scoped.model, &scoped.tag].map(Option::as_ref);
            let entry = BudgetEntry::new(scoped.name.clone(), &scoped.budget, scope, live);
            match &scoped.client {
                Some(client) => budgets.by_client.entry(client.clone()).or_default().push(entry),
                None => budgets.others.push(entry),
            }
        }
        budgets
    }

    /// Takes over the settings of this generation; what is spent stays spent.
    pub(super) fn reconfigure(&self, at: u64) {
        self.all().for_each(|entry| entry.budget.reconfigure(entry.settings, at));
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<BudgetEntry>> {
        self.by_client.values().flatten().chain(&self.others)
    }

    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty() && self.others.is_empty()
    }

    /// Holds back of every budget that fits what an attempt at `target` may cost; a model without a price holds back nothing. All
    /// or none: the first budget that has not enough left is told.
    pub fn reserve(&self, spender: Spender<'_>, target: &Target, book: &Book, at: u64) -> Result<Reserved, (Arc<BudgetEntry>, Exceeded)> {
        let mut reserved = Reserved::default();
        let own = self.by_client.get(spender.client).into_iter().flatten();
        let mut cost = None;
        for entry in own.chain(&self.others).filter(|entry| entry.fits(spender, target)) {
            let (amount, currency) = *cost.get_or_insert_with(|| {
                let price = target.price(book);
                price.map_or((0, Currency::USD), |price| (price.estimate(spender.tokens.0, spender.tokens.1, at), price.currency))
            });
            let amount = book.exchange().convert(amount, currency, entry.currency, at).unwrap_or(0);
            match entry.budget.reserve(at, amount) {
                Ok(reservation) => reserved.0.push((Arc::clone(entry), reservation)),
                Err(exceeded) => return Err((Arc::clone(entry), exceeded)),
            }
        }
        Ok(reserved)
    }
}

impl BudgetEntry {
    fn new(name: String, budget: &config::Budget, [provider, model, tag]: [Option<&String>; 3], live: &Live) -> Arc<Self> {
        let settings = settings::budget(budget);
        let currency = settings::currency(&budget.currency);
        Arc::new(Self {
            // Of another currency it is another budget.
            budget: live.spending(format!("{name}\n{currency}"), settings),
            name,
            currency,
            provider: provider.cloned(),
            model: model.cloned(),
            tag: tag.cloned(),
            settings,
        })
    }

    fn fits(&self, spender: Spender<'_>, target: &Target) -> bool {
        self.provider.as_ref().is_none_or(|provider| *provider == target.provider.name)
            && self.model.as_ref().is_none_or(|model| *model == spender.model || **model == *target.model)
            && self.tag.as_ref().is_none_or(|tag| (spender.has_tag)(tag))
    }
}

impl Reserved {
    /// The names of the budgets that are nearly spent.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, reservation)| reservation.is_warning).map(|(entry, _)| entry.name.as_str())
    }

    /// The attempt cost so much. Returns the budgets that came near their end by it.
    pub fn settle(self, cost: u64, currency: Currency, book: &Book, at: u64) -> Vec<(Arc<BudgetEntry>, BudgetView)> {
        let mut near = Vec::new();
        for (entry, reservation) in self.0 {
            let cost = book.exchange().convert(cost, currency, entry.currency, at).unwrap_or(0);
            if let Some(view) = reservation.settle(at, cost) {
                near.push((entry, view));
            }
        }
        near
    }
}
