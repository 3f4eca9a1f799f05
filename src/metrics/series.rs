//! Metric families, named and labelled by the catalogue.

use prometheus::proto;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use crate::catalogue::metric::{Label, Metric, MetricKind, PHASE_BUCKETS};
use crate::state::PhaseCount;

/// Builds a family of counters or gauges from label values, in catalogue order, and the value.
pub(super) fn family<'a, const N: usize>(
    metric: &Metric,
    samples: impl IntoIterator<Item = ([&'a str; N], f64)>,
) -> MetricFamily {
    let series = samples.into_iter().map(|(values, value)| {
        let mut series = proto::Metric::from_label(labels(metric, values));
        match metric.kind {
            MetricKind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                series.set_counter(counter);
            }
            MetricKind::Gauge | MetricKind::Histogram => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                series.set_gauge(gauge);
            }
        }
        series
    });
    named(metric, series.collect())
}

/// Builds a family of duration histograms.
pub(super) fn histograms<'a, const N: usize>(
    metric: &Metric,
    samples: impl Iterator<Item = ([&'a str; N], &'a PhaseCount)>,
) -> MetricFamily {
    let series = samples.map(|(values, count)| {
        let mut cumulative = 0;
        let buckets = PHASE_BUCKETS
            .iter()
            .zip(count.buckets)
            .map(|(bound, observed)| {
                cumulative += observed;
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(cumulative);
                bucket
            });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(count.count());
        histogram.set_sample_sum(count.sum);
        let mut series = proto::Metric::from_label(labels(metric, values));
        series.set_histogram(histogram);
        series
    });
    named(metric, series.collect())
}

fn named(metric: &Metric, series: Vec<proto::Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(metric.full_name());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        MetricKind::Counter => MetricType::COUNTER,
        MetricKind::Gauge => MetricType::GAUGE,
        MetricKind::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(series);
    family
}

fn labels<const N: usize>(metric: &Metric, values: [&str; N]) -> Vec<LabelPair> {
    assert_eq!(
        metric.labels.len(),
        N,
        "{} has other labels in the catalogue",
        metric.name
    );
    let pair = |(label, value): (&Label, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(label.name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    metric.labels.iter().zip(values).map(pair).collect()
}
