#include "engine/fit/temperature.h"

#include <math.h>

enum { MAX_STEPS = 60 };

#define LEAST 1e-4
#define MOST 1e4

/* Sums over all photos, at one inverse temperature. */
struct sums {
    double loss, slope, curvature; /* of the loss by the inverse temperature */
    double weight;
};

/* Adds a photo; `share` of it is its true class. */
static void add_photo(struct sums *sums, const float *logits, size_t count,
                      uint32_t class, double weight, double inverse,
                      double share)
{
    const double rest = (1 - share) / (double)(count - 1);
    double most = -INFINITY, sum = 0, mean = 0, squares = 0, target = 0;

    for (size_t k = 0; k < count; k++) {
        most = fmax(most, (double)logits[k]);
        target += (k == class ? share : rest) * (double)logits[k];
    }
    for (size_t k = 0; k < count; k++) {
        const double off = (double)logits[k] - most;
        const double part = exp(inverse * off);

        sum += part;
        mean += part * off;
        squares += part * off * off;
    }
    mean /= sum;
    sums->loss += weight * (log(sum) + inverse * (most - target));
    sums->slope += weight * (mean + most - target);
    sums->curvature += weight * (squares / sum - mean * mean);
    sums->weight += weight;
}

static struct sums sum_up(const struct temperature_photos *photos,
                          double inverse, double share)
{
    struct sums sums = {0};

    for (size_t i = 0; i < photos->count; i++)
        if (photos->weights[i] > 0)
            add_photo(&sums, photos->logits + i * photos->num_classes,
                      photos->num_classes, photos->classes[i],
                      (double)photos->weights[i], inverse, share);
    return sums;
}

static double share_of(const struct temperature_photos *photos)
{
    double count = 0;

    for (size_t i = 0; i < photos->count; i++)
        count += photos->weights[i] > 0;
    return (count + 1) / (count + 2);
}

/* Newton's method on a convex function of one number, within bounds. */
double temperature_find(const struct temperature_photos *photos)
{
    const double share = share_of(photos);
    double low = 1 / MOST, high = 1 / LEAST, inverse = 1;

    for (int step = 0; step < MAX_STEPS; step++) {
        const struct sums sums = sum_up(photos, inverse, share);
        double next = inverse - sums.slope / sums.curvature;

        if (sums.slope > 0)
            high = inverse;
        else
            low = inverse;
        if (!(next > low && next < high))
            next = sqrt(low * high);
        if (fabs(next - inverse) <= 1e-6 * inverse)
            return 1 / next;
        inverse = next;
    }
    return 1 / inverse;
}

double temperature_loss(const struct temperature_photos *photos,
                        double temperature)
{
    const struct sums sums = sum_up(photos, 1 / temperature, 1);

    return sums.weight > 0 ? sums.loss / sums.weight : 0;
}

void temperature_softmax(float *probabilities, const float *logits,
                         size_t num_classes)
{
    float most = -INFINITY, sum = 0;

    for (size_t k = 0; k < num_classes; k++)
        most = fmaxf(most, logits[k]);
    for (size_t k = 0; k < num_classes; k++) {
        probabilities[k] = expf(logits[k] - most);
        sum += probabilities[k];
    }
    for (size_t k = 0; k < num_classes; k++)
        probabilities[k] /= sum;
}
